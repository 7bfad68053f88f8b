// Latencies in a fixed number of buckets: 64 for each power of two, so a percentile is right to 1.6 %. One
// thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dohle::bench {

class Histogram {
 public:
  Histogram() : counts_(64 * kSub) {}

  void Record(uint64_t nanoseconds) {
    ++counts_[IndexOf(nanoseconds)];
    ++total_;
  }
  void Clear() {
    counts_.assign(counts_.size(), 0);
    total_ = 0;
  }
  uint64_t total() const { return total_; }

  // The least value that `fraction` (0 to 1) of the recorded ones don't exceed; 0 when none is recorded.
  uint64_t Percentile(double fraction) const {
    const auto wanted = static_cast<uint64_t>(fraction * static_cast<double>(total_));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (counts_[i] > 0 && (seen > wanted || seen == total_)) return UpperBound(i);
    }
    return 0;
  }

 private:
  static constexpr size_t kSub = 64;

  static size_t IndexOf(uint64_t v) {
    if (v < kSub) return v;
    const auto shift = static_cast<size_t>(std::bit_width(v)) - 7;  // 64 <= v >> shift < 128
    return shift * kSub + (v >> shift);
  }
  static uint64_t UpperBound(size_t index) {
    if (index < 2 * kSub) return index;
    const size_t shift = index / kSub - 1;
    return ((index - shift * kSub + 1) << shift) - 1;
  }

  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
};

}  // namespace dohle::bench
