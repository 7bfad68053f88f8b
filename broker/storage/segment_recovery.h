// Brings the `.log` of one segment and its indexes into agreement: after a crash, after a truncation, or when
// an index is missing or wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/storage/batch_header.h"
#include "broker/storage/segment.h"
#include "lib/base/status.h"

namespace dohle::storage {

class SegmentRecovery {
 public:
  explicit SegmentRecovery(Segment& segment) : segment_(segment) {}

  struct Result {
    Offset next_offset;
    uint64_t truncated_bytes = 0;
    uint64_t scanned_bytes = 0;
  };
  using OnBatch = std::function<void(const BatchHeader&)>;

  // Checks every batch from the last index entry below `trusted` on (what lies below was synced), cuts the
  // log where the first one isn't whole, and completes the indexes. `on_batch` sees each whole batch checked.
  StatusOr<Result> Recover(Offset trusted, int32_t index_interval_bytes, const OnBatch& on_batch);

  // Writes both indexes anew out of the headers; the log stays as it is.
  Status RebuildIndexes();

  // After the indexes were cut: the largest timestamp and what the next index entry depends on.
  Status ReadTailState();

 private:
  Status LoadOrCreateIndexes();
  StatusOr<OffsetPosition> TrustedStart(Offset trusted);
  StatusOr<bool> EntryFits(const OffsetPosition& entry);
  StatusOr<uint64_t> AscendingEntries(Offset trusted);
  StatusOr<uint64_t> AscendingTimes(Offset last);
  StatusOr<std::string> ReadEntries(IndexFile& index, size_t entry_bytes);

  Segment& segment_;
};

}  // namespace dohle::storage
