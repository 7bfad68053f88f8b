// Every bound that protects the server from its clients, in one place (architecture, decision 12).
#pragma once

#include <cstddef>
#include <cstdint>

namespace dohle::server {

// Requests of one connection that are being served or whose answers wait to be written. Past that the
// connection is not read from.
inline constexpr size_t kMostExchangesPerConnection = 128;

// What one read takes in at most before frames are cut out of it. Larger frames are read straight into their
// buffer.
inline constexpr size_t kReadChunkBytes = 16 * 1024;

// Pieces that one gathered write takes at most.
inline constexpr size_t kMostPiecesPerWrite = 64;

// Reserved at once for an answer; longer ones grow.
inline constexpr size_t kMostReservedAnswerBytes = 16 * 1024;

// Request buffers of all connections together. A connection whose next request would not fit waits, unread.
inline constexpr uint64_t kMostRequestBytes = uint64_t{256} << 20;

// Unused incremental fetch sessions beyond this number are evicted
// (max.incremental.fetch.session.cache.slots).
inline constexpr size_t kMostFetchSessionPartitions = 100'000;

// Client software names and versions kept for the metrics and logs are cut to this length.
inline constexpr size_t kMostClientSoftwareChars = 100;

}  // namespace dohle::server
