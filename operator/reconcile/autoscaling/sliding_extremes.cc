#include "operator/reconcile/autoscaling/sliding_extremes.h"

#include <algorithm>

namespace dohle::reconcile::autoscaling {

void SlidingExtremes::Add(int64_t time_ms, int32_t value, int64_t keep_ms, int64_t most_gap_ms) {
  if (!last_ms_ || time_ms - *last_ms_ >= most_gap_ms || time_ms < *last_ms_) {
    falling_.clear();
    rising_.clear();
    since_ms_ = time_ms;
  }
  last_ms_ = time_ms;
  while (!falling_.empty() && falling_.back().value <= value) falling_.pop_back();
  while (!rising_.empty() && rising_.back().value >= value) rising_.pop_back();
  falling_.push_back({time_ms, value});
  rising_.push_back({time_ms, value});
  while (falling_.front().time_ms < time_ms - keep_ms) falling_.pop_front();
  while (rising_.front().time_ms < time_ms - keep_ms) rising_.pop_front();
}

std::optional<int32_t> SlidingExtremes::Of(const std::deque<Entry>& entries, int64_t window_ms) const {
  if (!last_ms_ || since_ms_ > *last_ms_ - window_ms) return std::nullopt;
  const auto first = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& entry) { return entry.time_ms >= *last_ms_ - window_ms; });
  return first->value;
}

std::optional<int32_t> SlidingExtremes::Greatest(int64_t window_ms) const { return Of(falling_, window_ms); }
std::optional<int32_t> SlidingExtremes::Least(int64_t window_ms) const { return Of(rising_, window_ms); }

}  // namespace dohle::reconcile::autoscaling
