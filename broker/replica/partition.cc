#include "broker/replica/partition.h"

#include <algorithm>
#include <utility>

#include "broker/replica/warm_up.h"
#include "broker/storage/batch_header.h"
#include "lib/base/log.h"

namespace dohle::replica {
namespace {

Status NotLeader(const TopicPartition& name) {
  return MakeStatus(StatusCode::kFailedPrecondition, "this broker doesn't lead {}", ToString(name));
}

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
                     env::BlockingPool& pool, storage::FlushTimes flush_times, StorageListener* listener)
    : node_id_(node_id),
      topic_id_(loaded.topic_id),
      name_(loaded.partition),
      directory_id_(loaded.directory_id),
      pool_(pool),
      flush_times_(std::move(flush_times)),
      listener_(listener),
      config_(std::make_shared<const storage::LogConfig>(loaded.log->config())),
      log_(std::move(loaded.log)),
      high_watermark_(std::clamp(high_watermark, log_->log_start_offset(), log_->log_end_offset())),
      cleaned_to_(loaded.cleaned_to) {}

Status Partition::Refusal() const { return offline_.ok() ? NotLeader(name_) : offline_; }

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

env::Task<StatusOr<LeadershipChange>> Partition::SetLeadership(Leadership leadership) {
  LeadershipChange change;
  News news;
  std::vector<std::shared_ptr<FetchWaiter>> disturbed;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone() && offline_.ok()) co_return NotLeader(name_);
    if (gone()) co_return change;
    const auto age = [](const Leadership& of) { return std::pair(of.leader_epoch, of.partition_epoch); };
    if (age(leadership) < age(leadership_)) co_return change;
    const bool new_epoch = leadership.leader_epoch != leadership_.leader_epoch;
    leadership_ = std::move(leadership);
    if (leadership_.replicas.empty()) leadership_.replicas = leadership_.in_sync_replicas;
    if (new_epoch) {
      change.kind = leads() ? LeadershipChange::Kind::kLeader : LeadershipChange::Kind::kFollower;
      change.leader = leadership_.leader;
      change.leader_epoch = leadership_.leader_epoch;
      disturbed = fetch_waiters_.Live();
    }
    if (leads() && new_epoch) {
      DOHLE_CO_RETURN_IF_ERROR(log_->AssignEpochStart(leadership_.leader_epoch, log_->log_end_offset()));
    }
    // The only in-sync replica commits what it has.
    if (leads() && leadership_.in_sync_replicas.size() <= 1) {
      news = AdvanceHighWatermark(log_->log_end_offset());
    }
  }
  Tell(news);
  for (const auto& waiter : disturbed) waiter->Wake();
  co_return change;
}

env::Task<void> Partition::SetConfig(std::shared_ptr<const storage::LogConfig> config) {
  config_.store(config);
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (log_ != nullptr) log_->set_config(std::move(config));
}

Partition::News Partition::AdvanceHighWatermark(Offset offset) {
  News news;
  if (offset <= high_watermark_) return news;
  high_watermark_ = offset;
  log_->OnHighWatermark(offset);
  for (; !unreadable_.empty() && unreadable_.front().first <= offset; unreadable_.pop_front()) {
    news.bytes += unreadable_.front().second;
  }
  news.waiters = fetch_waiters_.Live();
  return news;
}

void Partition::Tell(const News& news) {
  for (const auto& waiter : news.waiters) waiter->AddReadable(news.bytes);
}

env::Task<StatusOr<storage::AppendResult>> Partition::Append(std::span<char> batches, AppendOptions options) {
  storage::AppendResult result;
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (!leads()) co_return Refusal();
    auto appended = log_->Append(batches, options.origin, leadership_.leader_epoch, options.now_ms);
    if (!appended.ok()) {
      NoteFailure("append", appended.status());
      co_return appended.status();
    }
    result = std::move(*appended);
    NoteUnflushed(options.now_ms, false);
    if (result.bytes > 0) unreadable_.emplace_back(log_->log_end_offset(), result.bytes);
    // Not to the log end: of a repetition all that is known is that its own records may be seen.
    if (!result.flush_due) news = AdvanceHighWatermark(result.last_offset + 1);
  }
  if (result.flush_due) {
    const Offset end = result.last_offset + 1;
    DOHLE_CO_RETURN_IF_ERROR(co_await FlushTo(end, options.now_ms));
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone()) co_return Refusal();
    news = AdvanceHighWatermark(end);
  }
  Tell(news);
  co_return result;
}

env::Task<Status> Partition::WaitUntilCommitted(Offset offset, absl::Duration) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!leads()) co_return Refusal();
  // With one replica Append itself commits.
  if (high_watermark_ >= offset) co_return OkStatus();
  co_return MakeStatus(StatusCode::kDeadlineExceeded, "{} isn't replicated up to {}", ToString(name_),
                       offset.value());
}

env::Task<Status> Partition::FlushTo(Offset offset, int64_t now_ms) {
  for (;;) {
    storage::FlushPlan plan;
    std::shared_ptr<env::OneShot<bool>> other_flush;
    {
      env::LaneGuard in_lane = co_await lane_.Enter();
      if (gone()) co_return Refusal();
      if (log_->recovery_point() >= offset) co_return OkStatus();
      if (flushing_) {
        // Who comes while the disk works waits for it, and one of them then syncs for all of them.
        other_flush = std::make_shared<env::OneShot<bool>>();
        flush_waiters_.push_back(other_flush);
      } else {
        auto planned = log_->PlanFlush();
        if (!planned.ok()) {
          NoteFailure("flush", planned.status());
          co_return planned.status();
        }
        plan = std::move(*planned);
        flushing_ = true;
      }
    }
    if (other_flush != nullptr) {
      co_await other_flush->WaitForever();
      continue;
    }
    auto execute = [this, &plan] { return flush_times_.Measure([&plan] { return plan.Execute(); }); };
    Status flushed = co_await env::RunBlocking<Status>(pool_, execute);
    co_await EndFlush(std::move(plan), flushed, now_ms);
    if (!flushed.ok()) co_return flushed;
  }
}

env::Task<std::optional<storage::FlushPlan>> Partition::BeginFlush() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone() || flushing_) co_return std::nullopt;
  auto planned = log_->PlanFlush(storage::Log::FlushBy::kFileSystem);
  if (!planned.ok()) {
    NoteFailure("flush", planned.status());
    co_return std::nullopt;
  }
  flushing_ = true;
  co_return *std::move(planned);
}

env::Task<void> Partition::EndFlush(storage::FlushPlan plan, Status synced, int64_t now_ms) {
  std::vector<std::shared_ptr<env::OneShot<bool>>> waiters;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    flushing_ = false;
    waiters.swap(flush_waiters_);
    if (synced.ok() && !gone()) {
      log_->MarkFlushed(plan, now_ms);
      NoteUnflushed(now_ms, true);
    }
    if (!synced.ok()) NoteFailure("flush", synced);
  }
  for (const auto& waiter : waiters) waiter->Set(true);
}

void Partition::NoteUnflushed(int64_t now_ms, bool flushed) {
  const bool first = unflushed_bytes_.exchange(log_->unflushed_bytes(), std::memory_order_relaxed) == 0;
  if (first || flushed) unflushed_since_ms_.store(now_ms, std::memory_order_relaxed);
}

env::Task<void> Partition::CloseIdleFiles() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (log_ != nullptr) log_->CloseIdleFiles();
}

env::Task<Status> Partition::Flush(int64_t now_ms) {
  Offset end;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone()) co_return Refusal();
    end = log_->log_end_offset();
  }
  co_return co_await FlushTo(end, now_ms);
}

FetchProblem Partition::CheckEpoch(LeaderEpoch current) const {
  if (!offline_.ok()) return FetchProblem::kStorage;
  if (!leads()) return FetchProblem::kNotLeader;
  if (current == kNoLeaderEpoch) return FetchProblem::kNone;
  if (current < leadership_.leader_epoch) return FetchProblem::kFencedLeaderEpoch;
  if (current > leadership_.leader_epoch) return FetchProblem::kUnknownLeaderEpoch;
  return FetchProblem::kNone;
}

Offset Partition::LastStableOffset() const {
  const auto unstable = log_->first_unstable_offset();
  return unstable ? std::min(*unstable, high_watermark_) : high_watermark_;
}

bool Partition::ReadInto(const FetchOptions& options, bool may_block, FetchedPartition* fetched) {
  fetched->high_watermark = high_watermark_;
  fetched->last_stable_offset = LastStableOffset();
  fetched->log_start_offset = log_->log_start_offset();
  if (options.last_fetched_epoch != kNoLeaderEpoch) {
    const storage::EpochEnd end = log_->EndOffsetForEpoch(options.last_fetched_epoch);
    if (end.epoch == kNoLeaderEpoch || end.end_offset == kNoOffset) {
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
    fetched->problem = FetchProblem::kOffsetOutOfRange;
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
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    fetched.leader = leadership_.leader;
    fetched.leader_epoch = leadership_.leader_epoch;
    fetched.problem = CheckEpoch(options.current_leader_epoch);
    fetched.storage_status = offline_;
    if (fetched.problem == FetchProblem::kNone && !ReadInto(options, false, &fetched)) {
      // Headers or index pages are on the disk only: the lane waits, the event loop doesn't.
      auto read = [&] { return ReadInto(options, true, &fetched); };
      co_await env::RunBlocking<bool>(pool_, read);
    }
    if (waiter != nullptr && fetched.problem == FetchProblem::kNone) fetch_waiters_.Add(waiter);
  }
  if (!SeemsCached(fetched.records)) co_await WarmUp(pool_, fetched.records);
  co_return fetched;
}

env::Task<EpochCheck> Partition::CheckEpochAndBounds(LeaderEpoch current_leader_epoch) {
  EpochCheck check;
  env::LaneGuard in_lane = co_await lane_.Enter();
  check.problem = CheckEpoch(current_leader_epoch);
  if (check.problem != FetchProblem::kNone) co_return check;
  check.high_watermark = high_watermark_;
  check.last_stable_offset = LastStableOffset();
  check.log_end_offset = log_->log_end_offset();
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

env::Task<StatusOr<Offset>> Partition::DeleteRecordsBefore(Offset offset) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!leads()) co_return Refusal();
  const Offset target = offset == kNoOffset ? high_watermark_ : offset;
  if (target > high_watermark_ || target < Offset(0)) {
    co_return MakeStatus(StatusCode::kOutOfRange, "{} is past the high watermark {} of {}", target.value(),
                         high_watermark_.value(), ToString(name_));
  }
  DOHLE_CO_RETURN_IF_ERROR(log_->AdvanceLogStartOffset(target));
  co_return log_->log_start_offset();
}

env::Task<StatusOr<std::vector<std::string>>> Partition::Maintain(int64_t now_ms) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone()) co_return NotLeader(name_);
  Status maintained = log_->MaybeRoll(now_ms);
  if (maintained.ok()) maintained = log_->ApplyRetention(now_ms, high_watermark_).status();
  if (maintained.ok()) co_return log_->TakeDeletedFiles();
  if (env::IsDeviceFailure(maintained)) NoteFailure("retention", maintained);
  co_return maintained;
}

env::Task<StatusOr<storage::Cleanliness>> Partition::JudgeCleanliness(int64_t now_ms) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone()) co_return NotLeader(name_);
  auto judge = [this, now_ms] {
    return storage::LogCleaner::Judge(*log_, cleaned_to_, high_watermark_, now_ms);
  };
  const storage::LogConfig& config = log_->config();
  // Only with lags are files read.
  if (config.min_compaction_lag_ms == 0 && config.max_compaction_lag_ms == INT64_MAX) co_return judge();
  co_return co_await env::RunBlocking<StatusOr<storage::Cleanliness>>(pool_, judge);
}

env::Task<StatusOr<storage::CleaningResult>> Partition::Clean(storage::CleaningLimits limits,
                                                              storage::HashKey hash_key, int64_t now_ms,
                                                              const std::atomic<bool>& stop) {
  std::unique_ptr<storage::LogCleaner> round;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone()) co_return NotLeader(name_);
    auto plan = [&]() -> Status {
      auto judged = storage::LogCleaner::Judge(*log_, cleaned_to_, high_watermark_, now_ms);
      if (!judged.ok()) return judged.status();
      auto planned = storage::LogCleaner::Plan(*log_, *judged, limits, hash_key, now_ms);
      if (planned.ok()) round = std::move(*planned);
      return planned.status();
    };
    Status planned = co_await env::RunBlocking<Status>(pool_, plan);
    if (!planned.ok()) co_return planned;
  }
  auto map = [&] { return round->BuildOffsetMap(stop); };
  auto clean = [&] { return round->CleanGroup(stop); };
  Status done = co_await env::RunBlocking<Status>(pool_, map);
  while (done.ok() && !round->done()) {
    done = co_await env::RunBlocking<Status>(pool_, clean);
    if (!done.ok()) break;
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone()) co_return NotLeader(name_);
    auto install = [&] { return round->Install(*log_); };
    done = co_await env::RunBlocking<Status>(pool_, install);
  }
  if (!done.ok()) co_return done;
  env::LaneGuard in_lane = co_await lane_.Enter();
  cleaned_to_ = round->cleaned_to();
  co_return round->result();
}

env::Task<std::optional<storage::PartitionCheckpoint>> Partition::Checkpoint() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone()) co_return std::nullopt;
  storage::PartitionCheckpoint checkpoint;
  checkpoint.partition = name_;
  checkpoint.directory_id = directory_id_;
  checkpoint.recovery_point = log_->recovery_point();
  if (log_->needs_log_start_checkpoint()) checkpoint.log_start_offset = log_->log_start_offset();
  checkpoint.high_watermark = high_watermark_;
  checkpoint.cleaned_to = cleaned_to_;
  co_return checkpoint;
}

env::Task<std::unique_ptr<storage::Log>> Partition::GoOffline(Status why) {
  std::unique_ptr<storage::Log> log;
  std::vector<std::shared_ptr<FetchWaiter>> disturbed;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (offline_.ok()) offline_ = std::move(why);
    unflushed_bytes_.store(0, std::memory_order_relaxed);
    log = std::move(log_);
    disturbed = fetch_waiters_.Live();
  }
  for (const auto& waiter : disturbed) waiter->Wake();
  co_return log;
}

env::Task<std::unique_ptr<storage::Log>> Partition::Release() {
  std::unique_ptr<storage::Log> log;
  std::vector<std::shared_ptr<FetchWaiter>> disturbed;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    log = std::move(log_);
    disturbed = fetch_waiters_.Live();
  }
  for (const auto& waiter : disturbed) waiter->Wake();
  co_return log;
}

}  // namespace dohle::replica
