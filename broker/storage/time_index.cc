#include "broker/storage/time_index.h"

#include "broker/storage/big_endian.h"

namespace dohle::storage {

StatusOr<TimestampOffset> TimeIndex::Entry(const SegmentPlace& place, uint64_t i) {
  char buffer[kEntryBytes];
  DOHLE_ASSIGN_OR_RETURN(const std::string_view bytes, file_.Entry(place, i, buffer));
  return TimestampOffset{LoadBig<int64_t>(bytes.data()),
                         place.base_offset + LoadBig<int32_t>(bytes.data() + 8)};
}

template <typename Below>
StatusOr<uint64_t> TimeIndex::CountWhere(const SegmentPlace& place, Below below) {
  uint64_t low = 0;
  uint64_t high = file_.count();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    DOHLE_ASSIGN_OR_RETURN(const TimestampOffset entry, Entry(place, middle));
    if (below(entry)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

StatusOr<TimestampOffset> TimeIndex::Lookup(const SegmentPlace& place, int64_t timestamp_ms) {
  DOHLE_ASSIGN_OR_RETURN(const uint64_t count, CountWhere(place, [&](const TimestampOffset& entry) {
                           return entry.timestamp_ms <= timestamp_ms;
                         }));
  if (count == 0) return TimestampOffset{-1, place.base_offset};
  return Entry(place, count - 1);
}

StatusOr<TimestampOffset> TimeIndex::Last(const SegmentPlace& place) {
  if (file_.count() == 0) return TimestampOffset{-1, place.base_offset};
  return Entry(place, file_.count() - 1);
}

Status TimeIndex::MaybeAppend(const SegmentPlace& place, TimestampOffset entry) {
  DOHLE_ASSIGN_OR_RETURN(const TimestampOffset last, Last(place));
  if (entry.timestamp_ms <= last.timestamp_ms) return OkStatus();
  char bytes[kEntryBytes];
  StoreBig<int64_t>(bytes, entry.timestamp_ms);
  StoreBig<int32_t>(bytes + 8, static_cast<int32_t>(entry.offset - place.base_offset));
  file_.Append({bytes, kEntryBytes});
  return OkStatus();
}

Status TimeIndex::Truncate(const SegmentPlace& place, Offset offset) {
  DOHLE_ASSIGN_OR_RETURN(const uint64_t count, CountWhere(place, [&](const TimestampOffset& entry) {
                           return entry.offset < offset;
                         }));
  return file_.Truncate(place, count);
}

}  // namespace dohle::storage
