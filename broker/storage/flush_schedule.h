// Which logs the background flush takes next. Pure.
//
// Kafka leaves flushing to the operating system, and pays after a crash: everything since the last roll is
// read again. Here the unflushed tails stay small: per log, in time, and in sum, so that recovery reads
// little.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dohle::storage {

struct UnflushedLog {
  size_t id = 0;  // the caller's
  uint64_t bytes = 0;
  int64_t age_ms = 0;  // since its last flush
};

struct FlushLimits {
  uint64_t log_bytes = 64 << 20;
  uint64_t total_bytes = 256 << 20;
  int64_t age_ms = 60'000;
};

// Those over a limit; and if the rest is too much together, the largest of them. Largest first.
std::vector<size_t> PlanBackgroundFlush(std::span<const UnflushedLog> logs, const FlushLimits& limits);

}  // namespace dohle::storage
