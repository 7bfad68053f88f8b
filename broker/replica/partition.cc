#include "broker/replica/partition.h"

#include <algorithm>
#include <utility>

#include "broker/replica/rules.h"
#include "broker/replica/warm_up.h"
#include "broker/storage/batch_header.h"
#include "lib/base/log.h"

namespace dohle::replica {
namespace {

StatusOr<int64_t> ReadBatchTimestamp(storage::Log& log, const storage::ReadOptions& where) {
  DOHLE_ASSIGN_OR_RETURN(const storage::ReadResult found, log.Read(where));
  char bytes[storage::kBatchHeaderBytes];
  if (found.records.length == 0)
    return MakeStatus(StatusCode::kOutOfRange, "no record at {}", where.offset.value());
  const env::FileSlice& slice = found.records;
  DOHLE_ASSIGN_OR_RETURN(const size_t read,
                         where.may_block ? slice.file->ReadAt(slice.position, bytes, sizeof(bytes))
                                         : slice.file->ReadAtIfCached(slice.position, bytes, sizeof(bytes)));
  if (read < sizeof(bytes)) {
    return MakeStatus(where.may_block ? StatusCode::kDataLoss : StatusCode::kUnavailable,
                      "only {} bytes of the batch at {}", read, where.offset.value());
  }
  const storage::BatchHeader header = storage::DecodeBatchHeader(bytes);
  return header.log_append_time() ? header.max_timestamp : header.base_timestamp;
}

}  // namespace

Partition::~Partition() { delete attachment_.load(); }

Partition::Partition(NodeId node_id, storage::LoadedLog loaded, Offset high_watermark,
                     env::BlockingPool& pool, storage::FlushTimes flush_times, StorageListener* listener,
                     const ReplicationContext* replication)
    : node_id_(node_id),
      topic_id_(loaded.topic_id),
      name_(loaded.partition),
      directory_id_(loaded.directory_id),
      pool_(pool),
      flush_times_(std::move(flush_times)),
      listener_(listener),
      replication_(replication),
      config_(loaded.log->shared_config()),
      log_(std::move(loaded.log)),
      high_watermark_(std::clamp(high_watermark, log_->log_start_offset(), log_->log_end_offset())),
      cleaned_to_(loaded.cleaned_to) {}

Status Partition::Refusal() const {
  if (!offline_.ok()) return offline_;
  return MakeStatus(StatusCode::kFailedPrecondition, "this broker doesn't lead {}", ToString(name_));
}

Status Partition::Gone() const {
  if (!offline_.ok()) return offline_;
  return MakeStatus(StatusCode::kFailedPrecondition, "{} isn't here any more", ToString(name_));
}

void Partition::NoteFailure(std::string_view what, const Status& failure) {
  if (env::IsDeviceFailure(failure) && offline_.ok()) {
    // At once and for good: after a failed write or sync nobody knows what the disk has.
    offline_ = failure;
    unflushed_bytes_.store(0, std::memory_order_relaxed);
    if (listener_ != nullptr) listener_->DirectoryFailed(directory_id_, name_, failure);
  } else if (listener_ != nullptr) {
    listener_->RequestFailed(name_, what, failure);
  }
}

env::Task<void> Partition::SetConfig(std::shared_ptr<const storage::LogConfig> config) {
  config_.store(config);
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (log_ != nullptr) log_->set_config(std::move(config));
    // Fewer in-sync replicas may be enough now.
    if (replicating_ != nullptr && !gone()) NoteOwnEnd(Offset(0), news);
  }
  Tell(std::move(news));
}

FetchProblem Partition::CheckEpoch(LeaderEpoch current, bool only_from_leader) const {
  if (!offline_.ok()) return FetchProblem::kStorage;
  if (log_ == nullptr) return FetchProblem::kNotLeader;
  if (current != kNoLeaderEpoch) {
    if (current < leadership_.leader_epoch) return FetchProblem::kFencedLeaderEpoch;
    if (current > leadership_.leader_epoch) return FetchProblem::kUnknownLeaderEpoch;
  }
  const bool serves = leads() || (!only_from_leader && leadership_.leader_epoch != kNoLeaderEpoch);
  return serves ? FetchProblem::kNone : FetchProblem::kNotLeader;
}

Offset Partition::LastStableOffset() const {
  const auto unstable = log_->first_unstable_offset();
  return unstable ? std::min(*unstable, high_watermark_) : high_watermark_;
}

bool Partition::ReadInto(const FetchOptions& options, bool may_block, FetchedPartition* fetched) {
  fetched->high_watermark = high_watermark_;
  fetched->last_stable_offset = LastStableOffset();
  fetched->log_start_offset = log_->log_start_offset();
  if (options.last_fetched_epoch != kNoLeaderEpoch && g_rules.find_divergence) {
    const storage::EpochEnd end = log_->EndOffsetForEpoch(options.last_fetched_epoch);
    const bool unknown = end.epoch == kNoLeaderEpoch || end.end_offset == kNoOffset;
    if (unknown || options.offset < log_->log_start_offset()) {
      fetched->problem = FetchProblem::kOffsetOutOfRange;
      return true;
    }
    if (end.epoch < options.last_fetched_epoch || end.end_offset < options.offset) {
      fetched->diverging_epoch = end;
      return true;
    }
  }
  storage::ReadOptions read;
  read.offset = options.offset;
  read.max_bytes = options.max_bytes;
  read.upper_bound = options.read_committed ? fetched->last_stable_offset : high_watermark_;
  if (options.follower || !g_rules.read_below_high_watermark) read.upper_bound = log_->log_end_offset();
  read.min_one_batch = options.min_one_batch;
  read.may_block = may_block;
  read.aborted_transactions = options.read_committed;
  auto result = log_->Read(read);
  if (result.ok()) {
    // Less than a batch is of no use to anybody: better nothing, and the partition's turn comes first next
    // time.
    if (!result->first_batch_cut) fetched->records = std::move(result->records);
    fetched->aborted = std::move(result->aborted);
  } else if (absl::IsOutOfRange(result.status())) {
    // A follower may lack what is committed: a client that took it for the leader would begin anew for
    // nothing.
    fetched->problem = leads() ? FetchProblem::kOffsetOutOfRange : FetchProblem::kNotLeader;
  } else if (!may_block && absl::IsUnavailable(result.status())) {
    return false;
  } else {
    fetched->problem = FetchProblem::kStorage;
    fetched->storage_status = result.status();
    NoteFailure("fetch", result.status());
  }
  return true;
}

env::Task<FetchedPartition> Partition::Fetch(FetchOptions options, std::shared_ptr<FetchWaiter> waiter) {
  FetchedPartition fetched;
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    fetched.leader = leadership_.leader;
    fetched.leader_epoch = leadership_.leader_epoch;
    fetched.reassigning = leadership_.reassigning();
    fetched.problem = CheckEpoch(options.current_leader_epoch, options.only_from_leader);
    fetched.storage_status = offline_;
    if (options.follower && fetched.problem == FetchProblem::kNone) fetched.problem = CheckFollower(options);
    if (fetched.problem == FetchProblem::kNone && !ReadInto(options, false, &fetched)) {
      // Headers or index pages are on the disk only: the lane waits, the event loop doesn't.
      auto read = [&] { return ReadInto(options, true, &fetched); };
      co_await env::RunBlocking<bool>(pool_, read);
    }
    if (options.follower && fetched.problem == FetchProblem::kNone && !fetched.diverging_epoch) {
      fetched.problem = NoteFollower(options, news);
      fetched.high_watermark = high_watermark_;
    }
    if (waiter != nullptr && fetched.problem == FetchProblem::kNone) {
      (options.follower ? replicating_->follower_fetches : fetch_waiters_).Add(waiter);
    }
  }
  if (options.follower) Tell(std::move(news));
  if (!SeemsCached(fetched.records)) co_await WarmUp(pool_, fetched.records);
  co_return fetched;
}

env::Task<EpochCheck> Partition::CheckEpochAndBounds(LeaderEpoch current_leader_epoch,
                                                     bool only_from_leader) {
  EpochCheck check;
  env::LaneGuard in_lane = co_await lane_.Enter();
  check.problem = CheckEpoch(current_leader_epoch, only_from_leader);
  if (check.problem != FetchProblem::kNone) co_return check;
  check.high_watermark = high_watermark_;
  check.last_stable_offset = LastStableOffset();
  check.log_start_offset = log_->log_start_offset();
  check.log_end_offset = log_->log_end_offset();
  check.high_watermark_lags = replicating_ != nullptr && high_watermark_ < epoch_start_;
  co_return check;
}

env::Task<Status> Partition::WithLog(
    absl::FunctionRef<Status(storage::Log& log, Offset high_watermark)> look) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!leads()) co_return Refusal();
  co_return look(*log_, high_watermark_);
}

env::Task<PartitionSummary> Partition::Summarize() {
  PartitionSummary summary;
  summary.partition = name_;
  summary.topic_id = topic_id_;
  env::LaneGuard in_lane = co_await lane_.Enter();
  summary.offline = !offline_.ok();
  if (gone()) co_return summary;
  summary.leader = leads();
  summary.leader_epoch = leadership_.leader_epoch;
  summary.log_start_offset = log_->log_start_offset();
  summary.log_end_offset = log_->log_end_offset();
  summary.high_watermark = high_watermark_;
  summary.last_stable_offset = LastStableOffset();
  summary.size_bytes = log_->size_bytes();
  summary.segment_count = log_->segment_count();
  summary.producer_ids = log_->producer_count();
  co_return summary;
}

env::Task<StatusOr<int64_t>> Partition::BatchTimestamp(Offset offset) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!leads()) co_return Refusal();
  storage::ReadOptions read;
  read.offset = std::max(offset, log_->log_start_offset());
  read.upper_bound = high_watermark_;
  auto look = [&]() { return ReadBatchTimestamp(*log_, read); };
  read.may_block = false;
  StatusOr<int64_t> timestamp = look();
  if (absl::IsUnavailable(timestamp.status())) {
    read.may_block = true;
    timestamp = co_await env::RunBlocking<StatusOr<int64_t>>(pool_, look);
  }
  co_return timestamp;
}

const Attachment& Partition::Attach(std::unique_ptr<const Attachment> attachment) {
  const Attachment* there = nullptr;
  if (attachment_.compare_exchange_strong(there, attachment.get(), std::memory_order_acq_rel)) {
    return *attachment.release();
  }
  return *there;
}

env::Task<std::unique_ptr<storage::Log>> Partition::GoOffline(Status why) {
  std::unique_ptr<storage::Log> log;
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (offline_.ok()) offline_ = std::move(why);
    unflushed_bytes_.store(0, std::memory_order_relaxed);
    log = std::move(log_);
    LeaveWaiters(news);
  }
  Tell(std::move(news));
  co_return log;
}

env::Task<std::unique_ptr<storage::Log>> Partition::Release() {
  std::unique_ptr<storage::Log> log;
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    log = std::move(log_);
    LeaveWaiters(news);
  }
  Tell(std::move(news));
  co_return log;
}

}  // namespace dohle::replica
