#include "operator/reconcile/autoscaling/rate_trail.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace dohle::reconcile::autoscaling {

void RateTrail::Add(int64_t from_ms, int64_t to_ms, double per_second) {
  if (!stretches_.empty()) from_ms = std::max(from_ms, stretches_.back().to_ms);
  if (to_ms <= from_ms || !std::isfinite(per_second) || per_second < 0) return;
  stretches_.push_back({from_ms, to_ms, per_second});
  while (stretches_.size() > most_stretches_ || stretches_.front().to_ms < to_ms - keep_ms_) {
    stretches_.pop_front();
  }
}

std::optional<double> RateTrail::Mean(int64_t from_ms, int64_t to_ms) const {
  constexpr double kKnownShare = 0.9;
  double flowed = 0, known_ms = 0;
  for (auto it = stretches_.rbegin(); it != stretches_.rend() && it->to_ms > from_ms; ++it) {
    const int64_t overlap_ms = std::min(it->to_ms, to_ms) - std::max(it->from_ms, from_ms);
    if (overlap_ms <= 0) continue;
    known_ms += static_cast<double>(overlap_ms);
    flowed += it->per_second * static_cast<double>(overlap_ms);
  }
  if (to_ms <= from_ms || known_ms <= kKnownShare * static_cast<double>(to_ms - from_ms)) return std::nullopt;
  return flowed / known_ms;
}

std::optional<RateTrail::Thirds> RateTrail::LastThirds(int64_t window_ms) const {
  if (stretches_.empty()) return std::nullopt;
  const int64_t end = end_ms();
  std::array<double, 3> means{};
  for (int i = 0; i < 3; ++i) {
    const std::optional<double> mean = Mean(end - window_ms * (i + 1) / 3, end - window_ms * i / 3);
    if (!mean) return std::nullopt;
    means[static_cast<size_t>(i)] = *mean;
  }
  std::sort(means.begin(), means.end());
  return Thirds{means[0], means[1]};
}

}  // namespace dohle::reconcile::autoscaling
