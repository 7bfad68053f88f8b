// The first seam: time. Wall time stamps records and is what Kafka's `*.ms` retention and expiry compare
// with; it may jump. Monotonic time orders and measures; it never goes back.
#pragma once

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace dohle::env {

// A point of monotonic time, in nanoseconds since an arbitrary start.
class MonotonicTime {
 public:
  constexpr MonotonicTime() = default;
  constexpr explicit MonotonicTime(int64_t nanoseconds) : nanoseconds_(nanoseconds) {}
  static constexpr MonotonicTime Max() { return MonotonicTime(INT64_MAX); }

  constexpr int64_t nanoseconds() const { return nanoseconds_; }
  friend constexpr auto operator<=>(MonotonicTime, MonotonicTime) = default;
  // Saturates at Max().
  friend MonotonicTime operator+(MonotonicTime t, absl::Duration d) {
    const int64_t delta = absl::ToInt64Nanoseconds(d);
    if (delta > 0 && t.nanoseconds_ > INT64_MAX - delta) return Max();
    return MonotonicTime(t.nanoseconds_ + delta);
  }
  friend absl::Duration operator-(MonotonicTime a, MonotonicTime b) {
    return absl::Nanoseconds(a.nanoseconds_ - b.nanoseconds_);
  }

 private:
  int64_t nanoseconds_ = 0;
};

// Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t WallTimeMs() const = 0;  // milliseconds since the Unix epoch, Kafka's unit
  virtual MonotonicTime Now() const = 0;
};

}  // namespace dohle::env
