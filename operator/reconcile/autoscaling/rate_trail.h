// How fast something flowed lately: a bounded number of stretches of time, each with its mean rate. Pure
// data; time is any clock that doesn't go back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace dohle::reconcile::autoscaling {

class RateTrail {
 public:
  // Stretches that ended more than `keep_ms` before the last one are forgotten.
  explicit RateTrail(int64_t keep_ms, size_t most_stretches = 256)
      : keep_ms_(keep_ms), most_stretches_(most_stretches) {}

  // In the order of time. What lies between two stretches is unknown. One that is empty, lies before the last
  // one's end, or isn't a rate (negative, infinite) is left out.
  void Add(int64_t from_ms, int64_t to_ms, double per_second);

  // The mean from `from_ms` to `to_ms`; nothing if a tenth or more of that time is unknown.
  std::optional<double> Mean(int64_t from_ms, int64_t to_ms) const;

  // The least and the median of the means of the last `window_ms`' three thirds: one of them may be odd
  // without the median being so.
  struct Thirds {
    double least = 0, median = 0;
  };
  std::optional<Thirds> LastThirds(int64_t window_ms) const;

  bool empty() const { return stretches_.empty(); }
  int64_t end_ms() const { return stretches_.empty() ? 0 : stretches_.back().to_ms; }
  // Of the last stretch.
  int64_t last_length_ms() const {
    return stretches_.empty() ? 0 : stretches_.back().to_ms - stretches_.back().from_ms;
  }

 private:
  struct Stretch {
    int64_t from_ms, to_ms;
    double per_second;
  };
  int64_t keep_ms_;
  size_t most_stretches_;
  std::deque<Stretch> stretches_;
};

}  // namespace dohle::reconcile::autoscaling
