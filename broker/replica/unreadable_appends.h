// What was appended and isn't readable yet: where each append ends, and its bytes. One for every partition,
// most of which are idle: an empty one has no memory of its own.
//
// Owned by a partition's lane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/ids.h"

namespace dohle::replica {

class UnreadableAppends {
 public:
  // Appends while nobody may read them: beyond so many they are no longer kept apart.
  static constexpr size_t kMost = 4096;

  // `end` ascends.
  void Add(Offset end, int64_t bytes) {
    if (appends_.size() - first_ < kMost) {
      appends_.emplace_back(end, bytes);
    } else {
      appends_.back().first = end;
      appends_.back().second += bytes;
    }
  }
  // The bytes of those that end at or below `offset`, which are readable now.
  int64_t TakeUpTo(Offset offset) {
    int64_t bytes = 0;
    for (; first_ < appends_.size() && appends_[first_].first <= offset; ++first_)
      bytes += appends_[first_].second;
    if (first_ == appends_.size()) {
      appends_.clear();
      first_ = 0;
    } else if (first_ >= kMost) {
      appends_.erase(appends_.begin(), appends_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return bytes;
  }
  // Those that end behind `end` are gone.
  void Truncate(Offset end) {
    while (appends_.size() > first_ && appends_.back().first > end) appends_.pop_back();
  }

 private:
  std::vector<std::pair<Offset, int64_t>> appends_;
  size_t first_ = 0;
};

}  // namespace dohle::replica
