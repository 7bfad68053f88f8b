// `.txnindex`: the aborted transactions whose marker lies in a segment. Entries of 34 bytes (KIP-98): version
// 0, producer id, first offset, last offset (of the marker), last stable offset at that time. The file exists
// only where there is one; it is small and read when asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/storage/segment_place.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"

namespace dohle::storage {

struct AbortedTransactionEntry {
  ProducerId producer_id;
  Offset first_offset;
  Offset last_offset;
  Offset last_stable_offset;

  friend bool operator==(const AbortedTransactionEntry&, const AbortedTransactionEntry&) = default;
};

inline constexpr size_t kAbortedTransactionBytes = 34;

std::string EncodeAbortedTransaction(const AbortedTransactionEntry& entry);

// Empty if there is no file. kDataLoss for an unknown version or a cut entry.
StatusOr<std::vector<AbortedTransactionEntry>> ReadTransactionIndex(const SegmentPlace& place);
Status AppendToTransactionIndex(const SegmentPlace& place, const AbortedTransactionEntry& entry);
// Keeps the entries whose marker lies below `offset`; the file goes if none is left.
Status TruncateTransactionIndex(const SegmentPlace& place, Offset offset);

}  // namespace dohle::storage
