#include "operator/reconcile/autoscaling/test_loads.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace dohle::reconcile::autoscaling {

LoadShape Steady(double load) {
  return [=](int64_t) { return load; };
}

LoadShape Step(double before, double after, int64_t at_ms) {
  return [=](int64_t time_ms) { return time_ms < at_ms ? before : after; };
}

LoadShape Ramp(double before, double after, int64_t from_ms, int64_t to_ms) {
  return [=](int64_t time_ms) {
    const double share = static_cast<double>(time_ms - from_ms) / static_cast<double>(to_ms - from_ms);
    return before + (after - before) * std::clamp(share, 0.0, 1.0);
  };
}

LoadShape Sine(double mean, double amplitude, int64_t period_ms) {
  return [=](int64_t time_ms) {
    const double turns = static_cast<double>(time_ms) / static_cast<double>(period_ms);
    return mean + amplitude * std::sin(2 * std::numbers::pi * turns);
  };
}

LoadShape Bursts(double low, double high, int64_t period_ms, int64_t length_ms) {
  return [=](int64_t time_ms) { return time_ms % period_ms < length_ms ? high : low; };
}

LoadShape WorkingDay(double peak) {
  static constexpr std::array<double, 24> kHours = {0.31, 0.24, 0.21, 0.20, 0.21, 0.26, 0.38, 0.55,
                                                    0.74, 0.88, 0.96, 1.00, 0.97, 0.90, 0.86, 0.84,
                                                    0.86, 0.90, 0.95, 0.99, 0.98, 0.84, 0.62, 0.43};
  return [=](int64_t time_ms) {
    constexpr double kHourMs = 3'600'000;
    const double hours = static_cast<double>(time_ms) / kHourMs;
    const auto hour = static_cast<size_t>(hours);
    const double share = hours - static_cast<double>(hour);
    return peak * (kHours[hour % 24] * (1 - share) + kHours[(hour + 1) % 24] * share);
  };
}

}  // namespace dohle::reconcile::autoscaling
