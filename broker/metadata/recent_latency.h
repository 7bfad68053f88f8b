// Average and maximum of what was noted in the last 30 to 60 seconds, as Kafka's Avg and Max over two samples
// (SampledStat). NaN if nothing was. Pure; belongs to whoever notes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace dohle::metadata {

class RecentLatency {
 public:
  void Note(int64_t now_ms, double latency_ms) {
    MoveOn(now_ms);
    Window& window = windows_[0];
    ++window.count;
    window.sum_ms += latency_ms;
    window.max_ms = std::max(window.max_ms, latency_ms);
  }
  double average_ms(int64_t now_ms) {
    MoveOn(now_ms);
    const int64_t count = windows_[0].count + windows_[1].count;
    return count == 0 ? kNothing : (windows_[0].sum_ms + windows_[1].sum_ms) / static_cast<double>(count);
  }
  double max_ms(int64_t now_ms) {
    MoveOn(now_ms);
    const int64_t count = windows_[0].count + windows_[1].count;
    return count == 0 ? kNothing : std::max(windows_[0].max_ms, windows_[1].max_ms);
  }

 private:
  static constexpr int64_t kWindowMs = 30'000;
  static constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  struct Window {
    int64_t count = 0;
    double sum_ms = 0;
    double max_ms = 0;
  };

  // `now_ms` may go back, as the wall clock does: then time stands still.
  void MoveOn(int64_t now_ms) {
    if (now_ms - begin_ms_ < kWindowMs) return;
    windows_[1] = now_ms - begin_ms_ < 2 * kWindowMs ? windows_[0] : Window();
    windows_[0] = Window();
    begin_ms_ = now_ms;
  }

  std::array<Window, 2> windows_{};  // the one under way, the one before
  int64_t begin_ms_ = std::numeric_limits<int32_t>::min();
};

}  // namespace dohle::metadata
