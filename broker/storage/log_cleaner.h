// Compaction of one log: for each key the last record stays (KIP-58, KIP-354, KIP-534). One object is one
// round. As in Kafka the cleaned segments are written beside the log as *.cleaned, synced, renamed to *.swap,
// and take the place of the old ones; LogLoader finishes or drops what a crash interrupts.
//
//   in the lane:                 Judge, Plan
//   on an I/O thread, no lane:   BuildOffsetMap; then for each group CleanGroup
//   in the lane, may block:      Install (after each CleanGroup)
//
// Memory: the offset map, which grows with the number of keys up to its limit, and a few hundred KiB.
//
// Failures: kAborted = the log changed under the round (deleted, truncated, retention): begin anew later.
// kDataLoss with a corrupt batch: the log can't be cleaned, but goes on. Others as those of Log. What a
// failed or dropped round left is removed by the destructor.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/storage/batch_cleaner.h"
#include "broker/storage/cleaned_transactions.h"
#include "broker/storage/cleaning_plan.h"
#include "broker/storage/log.h"
#include "broker/storage/offset_map.h"
#include "lib/base/status.h"

namespace dohle::storage {

struct CleaningLimits {
  uint64_t offset_map_bytes = uint64_t{128} << 20;  // log.cleaner.dedupe.buffer.size / log.cleaner.threads
};

struct CleaningResult {
  uint64_t bytes_before = 0;
  uint64_t bytes_after = 0;
  size_t segments_before = 0;
  size_t segments_after = 0;
};

class LogCleaner {
 public:
  // What there is to clean. With compaction lags it reads segments' times, and may block.
  static StatusOr<Cleanliness> Judge(Log& log, std::optional<Offset> cleaned_to, Offset high_watermark,
                                     int64_t now_ms);
  // A round over what `cleanliness` says is due. Reads transaction indexes.
  static StatusOr<std::unique_ptr<LogCleaner>> Plan(Log& log, const Cleanliness& cleanliness,
                                                    const CleaningLimits& limits, const HashKey& hash_key,
                                                    int64_t now_ms);
  ~LogCleaner();
  LogCleaner(const LogCleaner&) = delete;

  // `stop` ends a step early, with kCancelled.
  Status BuildOffsetMap(const std::atomic<bool>& stop);
  bool done() const { return next_group_ >= groups_.size(); }
  // Writes the next group's *.cleaned files and syncs them.
  Status CleanGroup(const std::atomic<bool>& stop);
  // Puts them in the place of the old ones.
  Status Install(Log& log);

  // Once done: what goes into cleaner-offset-checkpoint.
  Offset cleaned_to() const { return latest_offset_ + 1; }
  const CleaningResult& result() const { return result_; }
  uint64_t offset_map_bytes() const { return map_.bytes(); }

 private:
  LogCleaner(Log& log, const Cleanliness& cleanliness, const CleaningLimits& limits, const HashKey& hash_key,
             int64_t now_ms);
  static StatusOr<std::vector<SegmentToClean>> InactiveSegments(Log& log, bool times);
  Status MapSegment(const SegmentToClean& segment, CleanedTransactions& transactions,
                    const std::atomic<bool>& stop, bool* full);
  StatusOr<bool> MapBatch(std::string_view batch, CleanedTransactions& transactions);
  Status CopySegment(const SegmentToClean& segment, BatchCleaner& cleaner, Segment& into,
                     const std::atomic<bool>& stop);
  SegmentPlace PlaceOf(Offset base_offset, std::string_view state) const;
  StatusOr<std::unique_ptr<env::File>> OpenSegment(const SegmentToClean& segment) const;
  Status Replace(Log& log, Offset base);
  Status RenameIfThere(const std::string& from, const std::string& to);
  void RemoveCleaned();

  env::FileSystem& file_system_;
  const std::string directory_;
  const std::string name_;
  const std::shared_ptr<const LogConfig> config_;
  const Cleanliness cleanliness_;
  const int64_t now_ms_;
  const uint64_t log_generation_;
  OffsetMap map_;
  Offset latest_offset_;
  std::vector<SegmentToClean> segments_;
  std::vector<SegmentGroup> groups_;
  size_t next_group_ = 0;
  LastRecords last_records_;
  std::vector<AbortedTransactionEntry> aborted_;
  std::optional<CleanedTransactions> transactions_;
  std::optional<Offset> cleaned_;  // the base of the *.cleaned files that are there
  bool cleaned_has_aborted_ = false;
  CleaningResult result_;
};

}  // namespace dohle::storage
