// How the end of a partition moved: a bounded number of samples, dense for what was lately and sparse for
// what was long ago. From it: when a record was written, and how fast records come. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace dohle::reconcile {

class OffsetHistory {
 public:
  explicit OffsetHistory(size_t most_samples = 24) : most_samples_(most_samples) {}

  // In the order of time. An end that went back says that the partition is another one: the past is
  // forgotten.
  void Add(int64_t time_ms, int64_t end_offset);

  // About when the record at `offset` was written: between two samples as if records came evenly. The time of
  // the oldest sample if it was written before that. Nothing if it isn't written yet, or nothing is known.
  std::optional<int64_t> TimeOf(int64_t offset) const;

  // Between the two latest samples that are `window_ms` apart or more; of all there are, if none are.
  double RecordsPerSecond(int64_t window_ms) const;

  size_t size() const { return samples_.size(); }
  bool empty() const { return samples_.empty(); }
  int64_t end_offset() const { return samples_.empty() ? 0 : samples_.back().offset; }

 private:
  struct Sample {
    int64_t time_ms;
    int64_t offset;
  };
  void ThinOut();

  size_t most_samples_;
  std::vector<Sample> samples_;
};

}  // namespace dohle::reconcile
