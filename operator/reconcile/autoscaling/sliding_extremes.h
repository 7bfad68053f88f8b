// The greatest and the least of a whole number over the last while, in little memory: at most as many entries
// as the number has values. Pure data; time is any clock that doesn't go back.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace dohle::reconcile::autoscaling {

class SlidingExtremes {
 public:
  // Values older than `keep_ms` are forgotten; after a pause of `most_gap_ms` or more all are.
  void Add(int64_t time_ms, int32_t value, int64_t keep_ms, int64_t most_gap_ms);

  // Over the last `window_ms` up to the last value; nothing if values haven't come for so long. `window_ms`
  // is at most what was kept.
  std::optional<int32_t> Greatest(int64_t window_ms) const;
  std::optional<int32_t> Least(int64_t window_ms) const;

 private:
  struct Entry {
    int64_t time_ms;
    int32_t value;  // the extreme of all since the entry before
  };
  std::optional<int32_t> Of(const std::deque<Entry>& entries, int64_t window_ms) const;

  std::deque<Entry> falling_, rising_;  // from the front
  int64_t since_ms_ = 0;                // without a gap
  std::optional<int64_t> last_ms_;
};

}  // namespace dohle::reconcile::autoscaling
