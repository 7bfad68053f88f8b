// `.timeindex`: from timestamps to offsets, sparse. Entries of 12 bytes: a timestamp, and the offset
// (relative to the segment's base) of the last record of the batch that has it; no record up to that offset
// is younger.
#pragma once

#include <cstdint>

#include "broker/storage/index_file.h"
#include "lib/base/ids.h"

namespace dohle::storage {

struct TimestampOffset {
  int64_t timestamp_ms = -1;
  Offset offset{-1};

  friend bool operator==(const TimestampOffset&, const TimestampOffset&) = default;
};

class TimeIndex {
 public:
  static constexpr size_t kEntryBytes = 12;
  TimeIndex() : file_(kEntryBytes, kTimeIndexSuffix) {}

  IndexFile& file() { return file_; }
  const IndexFile& file() const { return file_; }

  // All others after file().Load or Create.
  StatusOr<TimestampOffset> Entry(const SegmentPlace& place, uint64_t i);
  // The last entry whose timestamp is at or below; {-1, base offset} if there is none.
  StatusOr<TimestampOffset> Lookup(const SegmentPlace& place, int64_t timestamp_ms);
  StatusOr<TimestampOffset> Last(const SegmentPlace& place);
  // Only if it is younger than the last entry.
  Status MaybeAppend(const SegmentPlace& place, TimestampOffset entry);
  // Keeps the entries whose offset is below `offset`.
  Status Truncate(const SegmentPlace& place, Offset offset);

 private:
  template <typename Below>
  StatusOr<uint64_t> CountWhere(const SegmentPlace& place, Below below);

  IndexFile file_;
};

}  // namespace dohle::storage
