// A partition with a replica on this broker: its log, its leadership, its high watermark, who waits for it.
//
// Every method enters the partition's lane for as long as it touches state, and may be called from a
// coroutine on any executor that is in no lane. Shared: requests keep a partition alive that is being
// deleted; it then answers kFailedPrecondition.
//
// Failures: kFailedPrecondition = not the leader (any more); kUnavailable = fewer replicas are in sync than
// min.insync.replicas asks, and nothing was appended; kResourceExhausted = disk full or no
// descriptors, kPermissionDenied = read-only: what is stored is served on, later writes may succeed;
// kDataLoss = stored records are corrupt, or the log directory has failed (env::IsDeviceFailure): the
// partition is offline from then on, whatever the disk says later.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "broker/replica/commit_waiter.h"
#include "broker/replica/fetch_waiter.h"
#include "broker/replica/leadership.h"
#include "broker/replica/refused_producers.h"
#include "broker/replica/replication_context.h"
#include "broker/replica/unreadable_appends.h"
#include "broker/storage/flush_times.h"
#include "broker/storage/log.h"
#include "broker/storage/log_cleaner.h"
#include "broker/storage/log_registry.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/blocking_pool.h"
#include "lib/env/lane.h"
#include "lib/env/task.h"

namespace dohle::replica {

// From where a follower goes on fetching, and under what (Fetch: FetchPartition).
struct FetchPosition {
  NodeId leader = kNoNode;  // kNoNode: there is nobody to fetch from (none, itself, or the log is gone)
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  Offset fetch_offset{0};                           // the log's end
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;  // of the log's last batch
  Offset log_start_offset{0};
  Offset high_watermark{0};
};

struct Truncation {
  bool truncated = false;
  // The recovery point moved back: the caller writes its checkpoint (ReplicaSet::WriteCheckpoints) before it
  // appends again, or a crash would take what is appended next for flushed.
  bool checkpoint_due = false;
  Offset log_end_offset{0};
};

struct AppendOptions {
  storage::AppendOrigin origin = storage::AppendOrigin::kClient;
  int64_t now_ms = 0;
  bool acks_all = false;  // refused unless min.insync.replicas are in sync
};

struct Appended : storage::AppendResult {
  LeaderEpoch leader_epoch = kNoLeaderEpoch;  // under which it was appended
  bool committed = false;                     // by now; otherwise WaitUntilCommitted tells
};

// A follower that fetches (FetchRequest: ReplicaState and FetchPartition).
struct FetchingFollower {
  FollowerFetch fetch;  // its offset is the fetch's
  // Whether its position is news; not when the same request looks once more.
  bool note = true;
};

struct FetchOptions {
  Offset offset{0};
  uint64_t max_bytes = 0;
  bool min_one_batch = false;
  bool read_committed = false;
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;  // KIP-320; -1: the client doesn't know
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;    // KIP-595
  bool only_from_leader = true;                       // unset: a follower will do (KIP-392)
  std::optional<FetchingFollower> follower;           // reads to the log's end, not the high watermark
};

enum class FetchProblem : uint8_t {
  kNone,
  kNotLeader,
  kFencedLeaderEpoch,   // the client's epoch is older than ours
  kUnknownLeaderEpoch,  // … newer
  kOffsetOutOfRange,
  kStorage,  // see the status
};

struct FetchedPartition {
  FetchProblem problem = FetchProblem::kNone;
  Status storage_status;
  env::FileSlice records;
  Offset high_watermark{-1};
  Offset last_stable_offset{-1};
  Offset log_start_offset{-1};
  std::vector<storage::AbortedTransaction> aborted;
  std::optional<storage::EpochEnd> diverging_epoch;
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  bool reassigning = false;  // its replicas are being changed
};

// The epoch check of KIP-320 (fetches, ListOffsets and OffsetForLeaderEpoch alike) with the offsets that
// bound readers.
struct EpochCheck {
  FetchProblem problem = FetchProblem::kNone;
  Offset high_watermark{-1};
  Offset last_stable_offset{-1};
  Offset log_start_offset{-1};
  Offset log_end_offset{-1};
  bool high_watermark_lags = false;  // a new leader doesn't know yet all that was committed before it
};

// A consistent look at a partition, for metrics and describing APIs.
struct PartitionSummary {
  TopicPartition partition;
  TopicId topic_id;
  bool leader = false;
  bool offline = false;  // its log directory has failed; nothing below is known
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  Offset log_start_offset{0};
  Offset log_end_offset{0};
  Offset high_watermark{0};
  Offset last_stable_offset{0};
  uint64_t size_bytes = 0;
  size_t segment_count = 0;
  size_t producer_ids = 0;  // whose state is kept
};

// Is told of failures of what lies below a partition. Any thread, within a lane: don't wait, don't call back.
class StorageListener {
 public:
  virtual ~StorageListener() = default;
  // The directory has failed: everything in it is to go offline.
  virtual void DirectoryFailed(const DirectoryId& directory, const TopicPartition& partition,
                               const Status& failure) = 0;
  // A request was refused for another failure of the storage.
  virtual void RequestFailed(const TopicPartition& partition, std::string_view what,
                             const Status& failure) = 0;
};

// What users of partitions keep with them, to have it without a look-up.
class Attachment {
 public:
  virtual ~Attachment() = default;
};

class Partition : public std::enable_shared_from_this<Partition> {
 public:
  // `node_id`: this broker. `loaded`: a log as the registry gives it. The high watermark starts where the
  // last run left it, within the log. The pool and `replication` (null: there is but this broker) outlive the
  // partition, the listener (may be null) its requests. To be held by shared_ptr.
  Partition(NodeId node_id, storage::LoadedLog loaded, Offset high_watermark, env::BlockingPool& pool,
            storage::FlushTimes flush_times = {}, StorageListener* listener = nullptr,
            const ReplicationContext* replication = nullptr);
  ~Partition();

  const TopicPartition& name() const { return name_; }
  TopicId topic_id() const { return topic_id_; }
  DirectoryId directory_id() const { return directory_id_; }
  // For judging records before the lane is entered. Any thread.
  std::shared_ptr<const storage::LogConfig> config() const { return config_.load(); }

  // Takes over what the metadata says, and says what it came to. Becoming leader begins the epoch in the log.
  // What is older than what is known (by leader epoch, then partition epoch) changes nothing.
  env::Task<StatusOr<LeadershipChange>> SetLeadership(Leadership leadership);
  env::Task<void> SetConfig(std::shared_ptr<const storage::LogConfig> config);

  // Appends validated batches (offsets are assigned in place) and answers when the records are on this broker
  // as safely as the topic's flush.messages asks. Replication is waited for apart, with WaitUntilCommitted.
  // Batches that are out of order only because the one before was refused fail as that one did.
  env::Task<StatusOr<Appended>> Append(std::span<char> batches, AppendOptions options);
  // Answers when the high watermark has reached `end` (exclusive) of what was appended under
  // `appended_under`. kDeadlineExceeded: not in time, it may be yet; kAborted: it is, but fewer replicas have
  // it than min.insync.replicas asks; kFailedPrecondition: the leadership under which it was appended is
  // over.
  env::Task<Status> WaitUntilCommitted(Offset end, LeaderEpoch appended_under, absl::Duration timeout);

  // The leader's periodic look at its followers: who lags leaves the ISR. To be called every half of
  // replica.lag.time.max.ms; free for a partition without followers.
  env::Task<void> CheckFollowers();
  bool has_followers() const { return has_followers_.load(std::memory_order_relaxed); }
  // Replicas in sync that consumers may read `offset` from, the leader first; none if this isn't it.
  env::Task<std::vector<ReadReplica>> ReadReplicas(Offset offset);

  // The follower's side: what a fetcher does with the leader's answers. Each takes the leader epoch under
  // which it fetched, and fails with kFailedPrecondition, changing nothing, if the replica isn't a follower
  // in that epoch (any more).
  env::Task<FetchPosition> FollowPosition();
  // Appends batches as the leader stored them (none: an answer without records) and takes over its high
  // watermark, as far as the log reaches, and its log start offset. kInvalidArgument: they don't follow the
  // log's end; kDataLoss: corrupt, or the directory failed (the partition is offline then).
  env::Task<Status> AppendFetched(LeaderEpoch leader_epoch, std::span<const char> batches,
                                  Offset leader_high_watermark, Offset leader_log_start_offset,
                                  int64_t now_ms);
  // The leader answered with a diverging epoch (KIP-595), or to OffsetForLeaderEpoch: cuts off what it
  // doesn't have. If it doesn't know the epoch here either, what is cut off is only a part: fetch on, it will
  // answer with the next older one.
  env::Task<StatusOr<Truncation>> TruncateToDiverging(LeaderEpoch leader_epoch,
                                                      storage::EpochEnd leaders_answer);
  // OFFSET_OUT_OF_RANGE: drops everything and goes on at `offset`, the leader's log start offset (or at its
  // end: then TruncateToDiverging is the way).
  env::Task<StatusOr<Truncation>> RestartAt(LeaderEpoch leader_epoch, Offset offset);

  // Reads. If `waiter` is given it is told of everything that becomes readable after this look.
  env::Task<FetchedPartition> Fetch(FetchOptions options, std::shared_ptr<FetchWaiter> waiter);

  env::Task<EpochCheck> CheckEpochAndBounds(LeaderEpoch current_leader_epoch, bool only_from_leader = true);

  // Runs `look` inside the lane, for reads that need more of the log than the calls here. It must not keep
  // references.
  env::Task<Status> WithLog(absl::FunctionRef<Status(storage::Log& log, Offset high_watermark)> look);
  env::Task<PartitionSummary> Summarize();
  // When the first record was made of the batch that holds `offset`, or of the first one after it if it is
  // deleted. kOutOfRange at or past the high watermark. Waits for the disk on an I/O thread.
  env::Task<StatusOr<int64_t>> BatchTimestamp(Offset offset);

  // Null until Attach. Any thread; lives as long as the partition.
  const Attachment* attachment() const { return attachment_.load(std::memory_order_acquire); }
  // The first one stays, and is returned. Any thread.
  const Attachment& Attach(std::unique_ptr<const Attachment> attachment);

  // DeleteRecords: -1 means the high watermark. kOutOfRange past it. Answers the low watermark, the least log
  // start offset of all live replicas, once it has come to `offset`; kDeadlineExceeded if it hasn't in time.
  env::Task<StatusOr<Offset>> DeleteRecordsBefore(Offset offset, absl::Duration timeout);

  // The periodic work: rolls, flushes, retention. Returns files to be removed after file.delete.delay.ms.
  env::Task<StatusOr<std::vector<std::string>>> Maintain(int64_t now_ms);
  // Makes everything appended so far durable; concurrent calls share their fsyncs.
  env::Task<Status> Flush(int64_t now_ms);
  // The same in two steps, for many partitions with one sync of their file system in between. Nothing if a
  // flush is under way, or impossible. Each that was begun must be ended.
  env::Task<std::optional<storage::FlushPlan>> BeginFlush();
  env::Task<void> EndFlush(storage::FlushPlan plan, Status synced, int64_t now_ms);

  // Compaction: what there is to do, and one round of it. The lane is free while records are read and
  // written. `stop` ends the round early. Failures as storage::LogCleaner's.
  env::Task<StatusOr<storage::Cleanliness>> JudgeCleanliness(int64_t now_ms);
  env::Task<StatusOr<storage::CleaningResult>> Clean(storage::CleaningLimits limits,
                                                     storage::HashKey hash_key, int64_t now_ms,
                                                     const std::atomic<bool>& stop);

  // What the directory's checkpoints are to say of it; nothing once the log has left.
  env::Task<std::optional<storage::PartitionCheckpoint>> Checkpoint();
  // Bytes and age of what a crash would lose from the page cache; any thread, no lane, a moment old.
  uint64_t unflushed_bytes() const { return unflushed_bytes_.load(std::memory_order_relaxed); }
  int64_t unflushed_since_ms() const { return unflushed_since_ms_.load(std::memory_order_relaxed); }
  // Closes files that nobody used since the last call.
  env::Task<void> CloseIdleFiles();
  // Of a new log, as its first record would. OK if they are there, or the log has left.
  env::Task<Status> CreateFiles();

  // The log directory has failed: requests fail with kDataLoss from here on, waiters wake up. The log comes
  // back to be let go of outside of the lane; nothing more is written to it.
  env::Task<std::unique_ptr<storage::Log>> GoOffline(Status why);
  // The log leaves: every later call fails with kFailedPrecondition, waiters wake up.
  env::Task<std::unique_ptr<storage::Log>> Release();

 private:
  bool gone() const { return log_ == nullptr || !offline_.ok(); }
  bool leads() const { return !gone() && leadership_.leader == node_id_; }
  bool follows(LeaderEpoch leader_epoch) const {
    return !gone() && !leads() && leadership_.leader != kNoNode && leadership_.leader_epoch == leader_epoch;
  }
  // Whether it has led without a break since `epoch`.
  bool led_since(LeaderEpoch epoch) const { return leads() && leading_since_ <= epoch; }
  Status Refusal() const;  // why nothing is served here
  Status Gone() const;
  // What the storage answered to `what`: takes the partition offline if the device failed.
  void NoteFailure(std::string_view what, const Status& failure);
  // In the lane. Why nothing may be appended now; OK: it may.
  Status CheckAppend(const AppendOptions& options) const;
  // What the answer to a failed or rejected append is, and what it means for the producer's next ones.
  // `appended` may be rejected.
  StatusOr<storage::AppendResult> Judge(std::span<const char> batches,
                                        StatusOr<storage::AppendResult> appended);
  // In the lane. Why a batch that this log would take may not be before another one of its producer; OK: it
  // may.
  Status CheckOrder(std::span<const char> batches);
  FetchProblem CheckEpoch(LeaderEpoch current, bool only_from_leader = true) const;
  // False: it would have to wait for the disk and may not.
  bool ReadInto(const FetchOptions& options, bool may_block, FetchedPartition* fetched);
  Offset LastStableOffset() const;
  // Moves the high watermark to `offset`; who must be told, and of how many bytes, is returned.
  struct News {
    std::vector<std::shared_ptr<FetchWaiter>> waiters;
    int64_t bytes = 0;
    std::vector<std::shared_ptr<FetchWaiter>> followers;  // that wait for what was appended
    int64_t appended_bytes = 0;
    std::vector<std::shared_ptr<FetchWaiter>> disturbed;
    std::vector<CommitWaiter> committed;
    CommitOutcome outcome = CommitOutcome::kCommitted;  // theirs
    std::vector<CommitWaiter> lost;
    std::vector<CommitWaiter> deleted;  // on all replicas
    std::optional<Replication::Proposal> proposal;
  };
  void AdvanceHighWatermark(Offset offset, News& news);
  // The log's records below `end` are safe on this broker.
  void NoteOwnEnd(Offset end, News& news);
  void NoteAppended(const storage::AppendResult& result, News& news);
  void LeaveWaiters(News& news);
  // Outside of the lane.
  void Tell(News news);

  // What a leader with followers keeps; a partition without has none of it.
  struct Replicating {
    Replicating(NodeId self, int64_t max_lag_ms) : machine(self, max_lag_ms) {}
    Replication machine;
    CommitWaiters commits;
    CommitWaiters deletions;  // until the low watermark
    FetchWaiters follower_fetches;
  };
  LeaderView View() const;
  BrokerState StateOf(NodeId broker) const;
  void TakeLeadership(Leadership leadership, bool new_epoch, News& news);
  void CountIsrChange(Replication::Outcome outcome, const IsrVerdict* verdict) const;
  FetchProblem CheckFollower(const FetchOptions& options) const;
  FetchProblem NoteFollower(const FetchOptions& options, News& news);
  static env::Task<void> Propose(std::shared_ptr<Partition> partition, Replication::Proposal proposal);
  env::Task<std::optional<Replication::Proposal>> TakeVerdict(uint64_t id, const IsrVerdict& verdict);
  // Runs the blocking `cut` of the log in the lane, and brings what depends on the log's end in line.
  env::Task<StatusOr<Truncation>> Truncate(LeaderEpoch leader_epoch, absl::FunctionRef<Status()> cut);
  // Inside the lane: the files of a new log, on an I/O thread.
  env::Task<Status> CreateFilesOf(storage::Log& log);
  env::Task<Status> FlushTo(Offset offset, int64_t now_ms);
  void NoteUnflushed(int64_t now_ms, bool flushed);

  const NodeId node_id_;
  const TopicId topic_id_;
  const TopicPartition name_;
  const DirectoryId directory_id_;
  env::BlockingPool& pool_;
  const storage::FlushTimes flush_times_;
  StorageListener* const listener_;
  const ReplicationContext* const replication_;
  std::atomic<std::shared_ptr<const storage::LogConfig>> config_;
  std::atomic<uint64_t> unflushed_bytes_{0};
  std::atomic<const Attachment*> attachment_{nullptr};  // owned
  std::atomic<int64_t> unflushed_since_ms_{0};
  std::atomic<bool> has_followers_{false};  // replicating_ is there

  env::Lane lane_;  // guards all below
  std::unique_ptr<storage::Log> log_;
  Status offline_;  // why, if it is
  Leadership leadership_;
  LeaderEpoch leading_since_ = kNoLeaderEpoch;  // while it leads
  Offset epoch_start_{0};                       // the log's end when its leadership began
  Offset high_watermark_{0};
  std::unique_ptr<Replicating> replicating_;
  std::unique_ptr<RefusedProducers> refused_;  // null: there are none
  std::optional<Offset> cleaned_to_;           // all below is compacted
  UnreadableAppends unreadable_;
  FetchWaiters fetch_waiters_;
  bool flushing_ = false;
  std::vector<std::shared_ptr<env::OneShot<bool>>> flush_waiters_;
};

}  // namespace dohle::replica
