// One partition's log on disk, in Apache Kafka's format: segments, indexes, producer state, leader epochs.
//
// Owned by the partition's lane: no lock inside, one caller at a time, any thread. Everything is synchronous.
// Append writes into the page cache. Read touches batch headers and index pages only; with `may_block` unset
// it answers kUnavailable where it would wait for the device, and the caller repeats it on an I/O thread.
// Syncing is cut in two (PlanFlush, MarkFlushed) so that the lane is free while the disk works.
//
// Failures of every method: kResourceExhausted = disk full or no file descriptors (the log is unchanged and
// stays usable), kDataLoss = the device failed or stored bytes are corrupt: take the log directory offline.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/storage/log_config.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

class LeaderEpochCache;
class ProducerSnapshotFiles;
class ProducerStates;
class Segment;
class SegmentList;
struct BatchHeader;
struct EndTransactionMarker;
struct ProducerDescription;  // producer_state.h

struct LogOpenOptions {
  env::FileSystem* file_system = nullptr;
  std::string directory;  // exists; ".../topic-0"
  TopicPartition partition;
  std::shared_ptr<const LogConfig> config;
  Offset log_start_offset{0};   // of the checkpoint, 0 without
  Offset recovery_point{0};     // of the checkpoint, 0 without
  bool clean_shutdown = false;  // .kafka_cleanshutdown was there: nothing is scanned
  bool was_cleaned = false;     // offsets may be missing between segments past the recovery point, too
  int64_t now_ms = 0;
};

enum class AppendOrigin : uint8_t {
  kClient,       // a produce request: idempotence is checked
  kCoordinator,  // our own group or transaction coordinator, transaction markers
  kRaftLeader,   // the metadata log: no producer state
};

// Why the log refused records that are well-formed. Kafka's error of the same name is the answer.
enum class AppendRejection : uint8_t {
  kNone,
  kOutOfOrderSequenceNumber,
  kInvalidProducerEpoch,
  kInvalidTxnState,
  kTransactionCoordinatorFenced,
  kRecordListTooLarge,  // larger than segment.bytes
};

struct AppendResult {
  AppendRejection rejection = AppendRejection::kNone;
  std::string rejection_reason;
  // The offsets are those of the first time; nothing was written. After a restart it may be forgotten where
  // the records are: first_offset is -1 then, and all up to last_offset includes them.
  bool duplicate = false;
  Offset first_offset{-1};
  Offset last_offset{-1};
  int64_t log_append_time_ms = -1;  // -1 with CreateTime; of a duplicate: its largest timestamp
  Offset log_start_offset{0};
  uint64_t bytes = 0;      // written
  bool flush_due = false;  // flush.messages is reached: flush before the answer
};

// A transaction that ended with an abort marker, as Fetch answers carry it.
struct AbortedTransaction {
  ProducerId producer_id;
  Offset first_offset;

  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

struct ReadOptions {
  Offset offset{0};
  uint64_t max_bytes = 0;
  // Exclusive: high watermark or last stable offset for consumers, log end offset for followers.
  Offset upper_bound{0};
  bool min_one_batch = true;          // return the first batch even if it is larger than max_bytes
  bool aborted_transactions = false;  // read_committed
  bool may_block = true;
};

struct ReadResult {
  // Stored batches from the one that holds `offset`; the last may be cut at max_bytes, as Kafka does. Empty
  // at the upper bound. Never spans segments.
  env::FileSlice records;
  bool first_batch_cut = false;  // max_bytes is smaller than the first batch (min_one_batch unset)
  Offset segment_base_offset{0};
  uint64_t position = 0;  // within the segment
  std::vector<AbortedTransaction> aborted;
};

struct TimestampedOffset {
  int64_t timestamp_ms = -1;
  Offset offset{-1};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;

  friend bool operator==(const TimestampedOffset&, const TimestampedOffset&) = default;
};

// Answer of OffsetsForLeaderEpoch: the largest epoch <= the asked one and where it ends (exclusive).
struct EpochEnd {
  LeaderEpoch epoch = kNoLeaderEpoch;
  Offset end_offset{-1};

  friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
};

// Changes, and how many of them are known to be on the disk.
struct ChangeCount {
  uint64_t made = 0;
  uint64_t synced = 0;

  bool pending() const { return made > synced; }
  void Add() { ++made; }
  void MarkSynced(uint64_t count) { synced = std::max(synced, count); }
};

// What has to reach the disk for `offset` to be the recovery point. Run Execute() on an I/O thread, outside
// or inside of the lane, then, if it went well, MarkFlushed(plan) inside. Until then everything in the plan
// counts as unflushed, and is in the next plan again.
struct FlushPlan {
  // What a failed sync means for the log, see Execute.
  static Status Judge(Status synced);

  Offset offset{0};
  uint64_t bytes = 0;
  std::vector<std::shared_ptr<env::File>> files;
  std::vector<std::string> directories;  // whose entries changed
  env::FileSystem* file_system = nullptr;
  uint64_t truncations = 0;  // of the log before it was made
  // Of the log's names and epochs, up to which change.
  uint64_t directory_changes = 0;
  uint64_t parent_changes = 0;
  uint64_t epoch_changes = 0;

  // kDataLoss if a file isn't synced, for want of space too: the kernel may have dropped what it couldn't
  // write, and later syncs succeed without it. Nothing but a recovery tells what is there.
  Status Execute() const;
};

class Log {
 public:
  Log(const Log&) = delete;

  // Loads what is there or begins an empty log; recovers the tail if the shutdown wasn't clean. May read
  // much: I/O threads. kDataLoss if a segment is broken below the recovery point.
  static StatusOr<std::unique_ptr<Log>> Open(const LogOpenOptions& options);
  // A new log, of which nothing is on the disk yet: thousands can be begun at once. The first write makes its
  // directory and its files, unless CreateFiles has. Of the options only where and how it is kept counts.
  static std::unique_ptr<Log> Begin(const LogOpenOptions& options, const TopicId& topic_id);
  bool has_files() const { return !begun_; }
  // Idempotent. kDataLoss if there is a directory of that name. I/O threads.
  Status CreateFiles();
  ~Log();  // without Close(): as a crash

  // Leader: gives offsets, leader epoch (and with LogAppendTime the timestamp, recomputing the CRC) to the
  // validated batches, in place in `batches`, and appends them. One batch, or several for our own origins.
  StatusOr<AppendResult> Append(std::span<char> batches, AppendOrigin origin, LeaderEpoch leader_epoch,
                                int64_t now_ms);
  // Follower: appends batches as the leader stored them; a cut last batch is left out. kInvalidArgument for
  // offsets that don't follow, kDataLoss for corrupt ones: nothing of them is written.
  StatusOr<AppendResult> AppendReplicated(std::span<const char> batches, int64_t now_ms);

  // kOutOfRange outside [log_start_offset, log_end_offset].
  StatusOr<ReadResult> Read(const ReadOptions& options);

  // ListOffsets. Nothing: no such record.
  StatusOr<std::optional<TimestampedOffset>> OffsetForTimestamp(int64_t timestamp_ms, Offset upper_bound);
  StatusOr<std::optional<TimestampedOffset>> MaxTimestamp();
  LeaderEpoch EpochForOffset(Offset offset) const;
  LeaderEpoch latest_epoch() const;
  EpochEnd EndOffsetForEpoch(LeaderEpoch epoch) const;
  // A leader begins its epoch at the log end; persisted with the first records of that epoch.
  Status AssignEpochStart(LeaderEpoch epoch, Offset start_offset);

  Offset log_start_offset() const { return log_start_offset_; }
  Offset log_end_offset() const { return log_end_offset_; }
  Offset recovery_point() const { return recovery_point_; }
  // Whether log_start_offset lies above the first segment, and so must be in the checkpoint.
  bool needs_log_start_checkpoint() const;
  uint64_t size_bytes() const;
  uint64_t unflushed_bytes() const { return unflushed_bytes_; }
  size_t segment_count() const;
  const TopicPartition& partition() const { return partition_; }
  const std::string& directory() const { return directory_; }
  const LogConfig& config() const { return *config_; }
  const std::shared_ptr<const LogConfig>& shared_config() const { return config_; }
  void set_config(std::shared_ptr<const LogConfig> config) { config_ = std::move(config); }

  // Transactions. The first offset that read_committed must not pass, if any; the caller takes the lesser of
  // it and the high watermark as last stable offset.
  std::optional<Offset> first_unstable_offset() const;
  // Forgets finished transactions whose marker lies below the high watermark.
  void OnHighWatermark(Offset high_watermark);
  size_t producer_count() const;  // whose state is kept
  // If not, it takes a batch of any sequence of this producer: its state may have expired.
  bool KnowsProducer(ProducerId producer_id) const;
  bool HasOngoingTransaction(ProducerId producer_id, ProducerEpoch epoch) const;
  std::vector<ProducerDescription> DescribeProducers() const;

  // Flushing. Nothing to do: a plan without files. With kFileSystem the caller syncs the whole file system,
  // and Execute isn't called.
  enum class FlushBy : uint8_t { kFiles, kFileSystem };
  StatusOr<FlushPlan> PlanFlush(FlushBy by = FlushBy::kFiles);
  void MarkFlushed(const FlushPlan& plan, int64_t now_ms);
  bool FlushDue(int64_t now_ms) const;  // flush.ms
  bool needs_flush() const;             // PlanFlush would find something

  // Removes everything at and after `offset`, and syncs: what was cut off must not come back behind what is
  // appended next. A batch that holds `offset` goes as a whole: the log ends where it began then, or at the
  // log start if that lies within it. I/O threads. The recovery point moves back with it: write that
  // checkpoint before appending. At or past the end only epochs go that begin there without records.
  Status TruncateTo(Offset offset);
  Status TruncateFullyAndStartAt(Offset offset);
  // DeleteRecords, or what the leader told a follower. Whole segments below go with the next ApplyRetention.
  // kOutOfRange past the high watermark (the caller's) or log end.
  Status AdvanceLogStartOffset(Offset offset);
  // Deletes old segments by time, size and log start offset, never at or past the high watermark, and
  // forgets expired producers. How many segments went.
  StatusOr<int> ApplyRetention(int64_t now_ms, Offset high_watermark);
  // Rolls the active segment if segment.ms says so, or if `force` and it isn't empty.
  Status MaybeRoll(int64_t now_ms, bool force = false);
  // Files renamed to *.deleted since the last call: to be removed after file.delete.delay.ms.
  std::vector<std::string> TakeDeletedFiles();

  // Closes file descriptors that nobody used since the last call. The next use opens them again.
  void CloseIdleFiles();
  // Writes what a clean shutdown needs (index tails, producer snapshot) and syncs it. Nothing may follow.
  Status Close();
  // The same in two steps, for many logs with one sync: writes, and says what is to be synced (see
  // PlanFlush); MarkFlushed ends it.
  StatusOr<FlushPlan> PlanClose(FlushBy by);
  // For a partition that is going away: renamed directory; nothing is written any more.
  Status RenameDirectory(const std::string& directory);

 private:
  friend class LogLoader;
  friend class LogCleaner;
  Log();

  struct Batches;
  StatusOr<AppendResult> Write(const Batches& batches, int64_t now_ms);
  std::optional<AppendResult> CheckProducers(const Batches& batches, AppendOrigin origin) const;
  void ApplyBatches(const Batches& batches);
  void NoteEpoch(LeaderEpoch epoch, Offset start_offset);
  Status RollIfNeeded(const Batches& batches, int64_t now_ms);
  Status Roll(Offset base_offset, int64_t now_ms);
  int64_t SegmentMs(Offset base_offset) const;
  StatusOr<uint64_t> UpperPosition(size_t segment, Offset upper_bound, bool may_block);
  StatusOr<std::optional<ReadResult>> ReadSegment(size_t segment, const ReadOptions& options,
                                                  Offset upper_bound);
  Status CollectAborted(size_t segment, Offset from, Offset upper_bound,
                        std::vector<AbortedTransaction>& into);
  StatusOr<std::optional<TimestampedOffset>> SearchTimestamp(Segment& segment, int64_t timestamp_ms,
                                                             Offset upper_bound);
  Status RemoveSegment(size_t segment);
  Status AddFilesToSync(size_t segment, FlushPlan& plan);
  Status ReloadProducers(Offset end_offset, int64_t now_ms);
  Status CreateFilesNow();
  Status SaveEpochsIfDirty();
  void SaveEpochsSoon();

  TopicPartition partition_;
  std::string directory_;
  std::shared_ptr<const LogConfig> config_;
  env::FileSystem* file_system_ = nullptr;
  Offset log_start_offset_{0};
  Offset log_end_offset_{0};
  Offset recovery_point_{0};
  uint64_t unflushed_bytes_ = 0;
  int64_t last_flush_ms_ = 0;
  std::unique_ptr<SegmentList> segments_;
  std::unique_ptr<ProducerStates> producers_;
  std::unique_ptr<ProducerSnapshotFiles> snapshots_;
  std::unique_ptr<LeaderEpochCache> epochs_;
  std::vector<std::string> deleted_files_;
  uint64_t generation_ = 0;       // counts truncations: what was planned before one doesn't hold any more
  bool epochs_assigned_ = false;  // there is an epoch without records that the file doesn't have
  bool epochs_unsaved_ =
      false;                 // the file lags behind (disk full): tried again with the next change or flush
  ChangeCount epochs_file_;  // writes of the epochs' file
  ChangeCount directory_entries_;
  ChangeCount parent_entries_;  // our own name, in the log directory
  // Until its files are there: what its partition.metadata is to say.
  std::optional<TopicId> begun_;
};

}  // namespace dohle::storage
