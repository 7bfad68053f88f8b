// Lets one line into the log where a thousand requests fail alike, and counts the others. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace dohle::replica {

class RepeatLimit {
 public:
  explicit RepeatLimit(absl::Duration interval) : interval_ms_(absl::ToInt64Milliseconds(interval)) {}

  // How many were kept back since the last one that was let in; nothing if this one is kept back too.
  // `now_ms`: of a clock that doesn't go back.
  std::optional<uint64_t> Admit(int64_t now_ms) {
    int64_t due_ms = due_ms_.load(std::memory_order_relaxed);
    const bool admitted = now_ms >= due_ms && due_ms_.compare_exchange_strong(due_ms, now_ms + interval_ms_);
    if (admitted) return kept_back_.exchange(0);
    ++kept_back_;
    return std::nullopt;
  }

 private:
  const int64_t interval_ms_;
  std::atomic<int64_t> due_ms_{INT64_MIN};
  std::atomic<uint64_t> kept_back_{0};
};

}  // namespace dohle::replica
