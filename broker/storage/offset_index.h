// `.index`: from offsets to positions, sparse. Entries of 8 bytes: offset relative to the segment's base,
// position; the offset is the last one of the batch at that position.
#pragma once

#include <cstdint>

#include "broker/storage/index_file.h"
#include "lib/base/ids.h"

namespace dohle::storage {

struct OffsetPosition {
  Offset offset;
  uint32_t position = 0;

  friend bool operator==(const OffsetPosition&, const OffsetPosition&) = default;
};

class OffsetIndex {
 public:
  static constexpr size_t kEntryBytes = 8;
  OffsetIndex() : file_(kEntryBytes, kIndexSuffix) {}

  IndexFile& file() { return file_; }
  const IndexFile& file() const { return file_; }

  // All others after file().Load or Create.
  StatusOr<OffsetPosition> Entry(const SegmentPlace& place, uint64_t i);
  // The last entry at or below `offset`; the begin of the segment if there is none.
  StatusOr<OffsetPosition> Lookup(const SegmentPlace& place, Offset offset);
  // The last entry whose position is at or below; likewise.
  StatusOr<OffsetPosition> LookupPosition(const SegmentPlace& place, uint64_t position);
  StatusOr<OffsetPosition> Last(const SegmentPlace& place);
  void Append(const SegmentPlace& place, OffsetPosition entry);
  // Keeps the entries below `offset`.
  Status Truncate(const SegmentPlace& place, Offset offset);

 private:
  template <typename Below>
  StatusOr<uint64_t> CountWhere(const SegmentPlace& place, Below below);

  IndexFile file_;
};

}  // namespace dohle::storage
