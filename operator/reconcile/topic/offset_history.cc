#include "operator/reconcile/topic/offset_history.h"

#include <algorithm>

namespace dohle::reconcile {

void OffsetHistory::Add(int64_t time_ms, int64_t end_offset) {
  if (!samples_.empty() && (end_offset < samples_.back().offset || time_ms < samples_.back().time_ms)) {
    samples_.clear();
  }
  // While nothing comes, the first and the last look say all.
  const size_t n = samples_.size();
  if (n >= 2 && samples_[n - 1].offset == end_offset && samples_[n - 2].offset == end_offset) {
    samples_.back().time_ms = time_ms;
    return;
  }
  samples_.push_back({time_ms, end_offset});
  if (samples_.size() > most_samples_) ThinOut();
}

// Every second one of the older half goes: each time, what remains of it reaches twice as far.
void OffsetHistory::ThinOut() {
  const size_t half = samples_.size() / 2;
  size_t kept = 1;  // the oldest
  for (size_t i = 1; i < samples_.size(); ++i) {
    if (i < half && i % 2 == 1) continue;
    samples_[kept++] = samples_[i];
  }
  samples_.resize(kept);
}

std::optional<int64_t> OffsetHistory::TimeOf(int64_t offset) const {
  const auto after =
      std::upper_bound(samples_.begin(), samples_.end(), offset,
                       [](int64_t wanted, const Sample& sample) { return wanted < sample.offset; });
  if (after == samples_.end()) return std::nullopt;
  if (after == samples_.begin()) return after->time_ms;
  const Sample& before = *(after - 1);
  const double share =
      static_cast<double>(offset - before.offset) / static_cast<double>(after->offset - before.offset);
  return before.time_ms + static_cast<int64_t>(share * static_cast<double>(after->time_ms - before.time_ms));
}

double OffsetHistory::RecordsPerSecond(int64_t window_ms) const {
  if (samples_.size() < 2) return 0;
  const Sample& last = samples_.back();
  auto from = samples_.end() - 2;
  while (from != samples_.begin() && last.time_ms - from->time_ms < window_ms) --from;
  const int64_t elapsed_ms = last.time_ms - from->time_ms;
  if (elapsed_ms <= 0) return 0;
  return 1000.0 * static_cast<double>(last.offset - from->offset) / static_cast<double>(elapsed_ms);
}

}  // namespace dohle::reconcile
