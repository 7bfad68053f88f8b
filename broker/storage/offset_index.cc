#include "broker/storage/offset_index.h"

#include "broker/storage/big_endian.h"

namespace dohle::storage {

StatusOr<OffsetPosition> OffsetIndex::Entry(const SegmentPlace& place, uint64_t i) {
  char buffer[kEntryBytes];
  DOHLE_ASSIGN_OR_RETURN(const std::string_view bytes, file_.Entry(place, i, buffer));
  return OffsetPosition{place.base_offset + LoadBig<int32_t>(bytes.data()),
                        LoadBig<uint32_t>(bytes.data() + 4)};
}

// How many entries from the first on satisfy `below`, which holds for a prefix.
template <typename Below>
StatusOr<uint64_t> OffsetIndex::CountWhere(const SegmentPlace& place, Below below) {
  uint64_t low = 0;
  uint64_t high = file_.count();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    DOHLE_ASSIGN_OR_RETURN(const OffsetPosition entry, Entry(place, middle));
    if (below(entry)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

StatusOr<OffsetPosition> OffsetIndex::Lookup(const SegmentPlace& place, Offset offset) {
  DOHLE_ASSIGN_OR_RETURN(const uint64_t count, CountWhere(place, [&](const OffsetPosition& entry) {
                           return entry.offset <= offset;
                         }));
  if (count == 0) return OffsetPosition{place.base_offset, 0};
  return Entry(place, count - 1);
}

StatusOr<OffsetPosition> OffsetIndex::LookupPosition(const SegmentPlace& place, uint64_t position) {
  DOHLE_ASSIGN_OR_RETURN(const uint64_t count, CountWhere(place, [&](const OffsetPosition& entry) {
                           return entry.position <= position;
                         }));
  if (count == 0) return OffsetPosition{place.base_offset, 0};
  return Entry(place, count - 1);
}

StatusOr<OffsetPosition> OffsetIndex::Last(const SegmentPlace& place) {
  if (file_.count() == 0) return OffsetPosition{place.base_offset, 0};
  return Entry(place, file_.count() - 1);
}

void OffsetIndex::Append(const SegmentPlace& place, OffsetPosition entry) {
  char bytes[kEntryBytes];
  StoreBig<int32_t>(bytes, static_cast<int32_t>(entry.offset - place.base_offset));
  StoreBig<uint32_t>(bytes + 4, entry.position);
  file_.Append({bytes, kEntryBytes});
}

Status OffsetIndex::Truncate(const SegmentPlace& place, Offset offset) {
  DOHLE_ASSIGN_OR_RETURN(const uint64_t count, CountWhere(place, [&](const OffsetPosition& entry) {
                           return entry.offset < offset;
                         }));
  return file_.Truncate(place, count);
}

}  // namespace dohle::storage
