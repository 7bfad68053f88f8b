// Loads over time, for simulations of the deciders: what a day, a burst, a ramp look like, with noise. Tests
// only.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>

namespace dohle::reconcile::autoscaling {

// A load at a time.
using LoadShape = std::function<double(int64_t time_ms)>;

LoadShape Steady(double load);
LoadShape Step(double before, double after, int64_t at_ms);
LoadShape Ramp(double before, double after, int64_t from_ms, int64_t to_ms);
LoadShape Sine(double mean, double amplitude, int64_t period_ms);
// `high` for `length_ms` at the beginning of every `period_ms`.
LoadShape Bursts(double low, double high, int64_t period_ms, int64_t length_ms);
// Shaped as the hours of a working day of a web shop: 0.2 at night, two peaks of about 1, times `peak`.
LoadShape WorkingDay(double peak);

// Independent factors around 1: lognormal with this deviation of the logarithm.
class Noise {
 public:
  Noise(uint64_t seed, double deviation) : random_(seed), deviation_(deviation) {}
  double Next() {
    return std::exp(std::normal_distribution<double>(-deviation_ * deviation_ / 2, deviation_)(random_));
  }

 private:
  std::mt19937_64 random_;
  double deviation_;
};

}  // namespace dohle::reconcile::autoscaling
