// The segments of a log in order of their base offsets; never empty once the log is open. And a short memory
// of where offsets lie: who reads at the tail, and the high watermark, ask for what was just appended.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "broker/storage/segment.h"

namespace dohle::storage {

class RecentPositions {
 public:
  // The batch after `offset - 1` begins (or will) at `position` of the segment.
  void Add(Offset offset, Offset segment_base, uint64_t position) {
    if (ring_ == nullptr) ring_ = std::make_unique<Ring>();
    if ((*ring_)[(next_ + kSize - 1) % kSize].offset == offset) next_ = (next_ + kSize - 1) % kSize;
    (*ring_)[next_] = {offset, segment_base, position};
    next_ = (next_ + 1) % kSize;
  }
  std::optional<uint64_t> Find(Offset offset, Offset segment_base) const {
    if (ring_ == nullptr) return std::nullopt;
    for (const Entry& entry : *ring_) {
      if (entry.offset == offset && entry.segment_base == segment_base) return entry.position;
    }
    return std::nullopt;
  }
  void Clear() { ring_.reset(); }

 private:
  struct Entry {
    Offset offset{-1};
    Offset segment_base{-1};
    uint64_t position = 0;
  };
  static constexpr size_t kSize = 16;
  using Ring = std::array<Entry, kSize>;
  std::unique_ptr<Ring> ring_;
  size_t next_ = 0;
};

class SegmentList {
 public:
  void Add(std::unique_ptr<Segment> segment) { segments_.push_back(std::move(segment)); }
  size_t size() const { return segments_.size(); }
  bool empty() const { return segments_.empty(); }
  Segment& at(size_t i) { return *segments_[i]; }
  const Segment& at(size_t i) const { return *segments_[i]; }
  Segment& active() { return *segments_.back(); }
  const Segment& active() const { return *segments_.back(); }
  // The last one whose base is at or below `offset`; the first if there is none.
  size_t IndexOf(Offset offset) const {
    const auto above = std::upper_bound(
        segments_.begin(), segments_.end(), offset,
        [](Offset o, const std::unique_ptr<Segment>& segment) { return o < segment->base_offset(); });
    return above == segments_.begin() ? 0 : static_cast<size_t>(above - segments_.begin()) - 1;
  }
  void Remove(size_t i) { segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i)); }
  void Insert(std::unique_ptr<Segment> segment) {
    const auto above =
        std::upper_bound(segments_.begin(), segments_.end(), segment->base_offset(),
                         [](Offset o, const std::unique_ptr<Segment>& s) { return o < s->base_offset(); });
    segments_.insert(above, std::move(segment));
  }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const auto& segment : segments_) sum += segment->size();
    return sum;
  }
  bool HasBase(Offset offset) const {
    return std::any_of(segments_.begin(), segments_.end(),
                       [&](const auto& segment) { return segment->base_offset() == offset; });
  }
  RecentPositions& recent() { return recent_; }

 private:
  std::vector<std::unique_ptr<Segment>> segments_;
  RecentPositions recent_;
};

}  // namespace dohle::storage
