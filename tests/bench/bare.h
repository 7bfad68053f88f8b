// The machine's limit: the least that a server on this machine can do for the same bytes. One thread, one
// epoll loop; no topics, no offsets, no indexes. Produce: receive, CRC-32C, pwrite, answer. Fetch: header and
// sendfile.
#pragma once

#include <string>

namespace dohle::bench {

// Listens on a free port of the loopback, prints {"port": N} and serves until it is killed. `directory` holds
// a file for each connection; `batch` is what the file for Fetch is filled with.
[[noreturn]] void ServeBare(const std::string& directory, const std::string& batch);

}  // namespace dohle::bench
