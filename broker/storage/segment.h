// One segment: `.log` with its offset and time index. A piece of a Log and owned by it; no lock.
//
// Idle it costs a few hundred bytes and no file descriptor: files are opened when they are used, and closed
// by CloseFiles.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "broker/storage/batch_header.h"
#include "broker/storage/offset_index.h"
#include "broker/storage/segment_place.h"
#include "broker/storage/time_index.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

struct BatchPosition {
  uint64_t position = 0;
  uint64_t size = 0;
  Offset base_offset;
  Offset last_offset;
};

class Segment {
 public:
  // An existing one; looks at the size of the log only. `created_ms`: for rolling, if it is empty.
  static StatusOr<std::unique_ptr<Segment>> Open(const SegmentPlace& place, int64_t created_ms);
  // An empty one, over files of that name.
  static StatusOr<std::unique_ptr<Segment>> Create(const SegmentPlace& place, int64_t created_ms);
  // An empty one whose files aren't there yet. Before anything is written CreateFiles makes them.
  static std::unique_ptr<Segment> Begin(const SegmentPlace& place, int64_t created_ms);
  Status CreateFiles();

  const SegmentPlace& place() const { return place_; }
  void set_state(std::string_view state) { place_.state = state; }  // the files were renamed
  Offset base_offset() const { return place_.base_offset; }
  uint64_t size() const { return size_; }
  bool CanHold(Offset offset) const {  // as an offset relative to the base
    const int64_t relative = offset - place_.base_offset;
    return relative >= 0 && relative <= INT32_MAX;
  }

  // Writes `bytes`, the batches that `headers` describe, and indexes them. On failure the segment is as
  // before, its file too, or is made so before the next append.
  Status Append(std::string_view bytes, std::span<const BatchHeader> headers, int32_t index_interval_bytes);
  // Kafka's LogSegment.shouldRoll, for the append of `bytes` up to `last_offset`.
  struct RollLimits {
    int64_t segment_ms;  // without the jitter
    uint64_t segment_bytes;
    uint64_t index_bytes;
  };
  StatusOr<bool> ShouldRoll(const RollLimits& limits, uint64_t bytes, Offset last_offset,
                            int64_t max_timestamp_ms, int64_t now_ms);

  // The batch that holds `offset`, or the first one after it. Nothing if all lie below.
  StatusOr<std::optional<BatchPosition>> Find(Offset offset, bool may_block = true);
  // One past the last batch; the base offset if there is none.
  StatusOr<Offset> ReadNextOffset();
  // Of the batches, with the last offset of the one that has it; {-1, base} if there is none.
  StatusOr<TimestampOffset> MaxTimestamp();
  // By which retention judges: that, or the time of the last write.
  StatusOr<int64_t> LargestTimestampMs();
  // Where a search for records at or past `timestamp_ms` begins.
  StatusOr<uint64_t> TimestampSearchStart(int64_t timestamp_ms, Offset start_offset);

  // Rolled, or closed: the time index gets its last entry, both are cut to their size.
  Status Seal();
  // After the log was cut: what the indexes said of the part that is gone must not come back.
  Status SyncIndexes();
  // Writes pending index entries.
  Status WriteIndexes();
  // Removes the batch that holds `offset` and all after it; where they began, or `offset` if that is less.
  StatusOr<Offset> TruncateTo(Offset offset);
  Status EnsureIndexesLoaded();
  // Out of the batch headers, when an entry turned out not to fit.
  Status RebuildIndexes();

  bool maybe_has_transaction_index() const { return maybe_transaction_index_; }
  void set_maybe_has_transaction_index(bool maybe) { maybe_transaction_index_ = maybe; }

  StatusOr<std::shared_ptr<env::File>> file();
  OffsetIndex& offset_index() { return offset_index_; }
  TimeIndex& time_index() { return time_index_; }
  void CloseFiles();
  bool used_since_last_look() { return std::exchange(used_, false); }

 private:
  friend class SegmentRecovery;
  explicit Segment(const SegmentPlace& place, int64_t created_ms) : place_(place), created_ms_(created_ms) {}
  Status IndexBatches(std::span<const BatchHeader> headers, uint64_t position, int32_t index_interval_bytes);
  // Indexes a whole append: on failure nothing of it is indexed.
  Status IndexAppended(std::span<const BatchHeader> headers, int32_t index_interval_bytes);
  Status CutRemains();
  Status LoadFirstTimestamp();

  SegmentPlace place_;
  std::shared_ptr<env::File> file_;
  OffsetIndex offset_index_;
  TimeIndex time_index_;
  uint64_t size_ = 0;
  std::optional<TimestampOffset> max_timestamp_;  // unset: not looked up yet
  std::optional<int64_t> first_timestamp_ms_;     // of the first batch, unset: not looked up, or empty
  int64_t created_ms_;
  uint64_t bytes_since_index_entry_ = 0;
  bool maybe_transaction_index_ = true;
  bool remains_ = false;  // of a failed append lie in the file past `size_`
  bool used_ = true;
};

}  // namespace dohle::storage
