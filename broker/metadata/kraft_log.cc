#include "broker/metadata/kraft_log.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/messages/abort_transaction_record.h"
#include "lib/kafka/messages/metadata_record.h"
#include "lib/kafka/messages/no_op_record.h"

namespace dohle::metadata {
namespace {

constexpr std::string_view kModule = "metadata";
constexpr int64_t kNoRoomLogMs = 10'000;
constexpr absl::Duration kNoRoomRetry = absl::Seconds(1);

// A full disk may get room again, a read-only one be made writable; what is stored isn't touched by it.
bool MayPass(const Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsPermissionDenied(status);
}

int64_t Us(absl::Duration duration) { return absl::ToInt64Microseconds(duration); }

}  // namespace

// ---- inside the lane

Status KraftLog::Refusal() const {
  if (!failure_.ok())
    return MakeStatus(StatusCode::kUnavailable, "the metadata log failed: {}", Message(failure_));
  if (stopped_) return MakeStatus(StatusCode::kUnavailable, "the metadata log is stopped");
  if (!raft_->is_leader())
    return MakeStatus(StatusCode::kUnavailable, "this node isn't the active controller");
  return OkStatus();
}

Status KraftLog::NoRoom(const Status& status) {
  const int64_t now_ms = NowMs();
  if (now_ms - no_room_told_ms_ >= kNoRoomLogMs) {
    no_room_told_ms_ = now_ms;
    log::Error(kModule, "nothing can be changed as long as the metadata log can't be written: {}",
               Message(status));
  }
  return MakeStatus(StatusCode::kUnavailable, "the metadata log can't be written: {}", Message(status));
}

void KraftLog::Fail(const Status& status) {
  if (!failure_.ok()) return;
  failure_ = status;
  log::Error(kModule, "the metadata log failed and accepts nothing any more: {}", Message(status));
  RefreshDescription();
  if (options_.on_fatal) options_.on_fatal(status);
}

Status KraftLog::Perform(raft::Effects effects) {
  for (size_t i = 0; i < effects.size(); ++i) {
    if (const auto* persist = std::get_if<raft::PersistElection>(&effects[i])) {
      // A state that is followed by another at once need not reach the disk: nothing happens in between.
      if (i + 1 < effects.size() && std::holds_alternative<raft::PersistElection>(effects[i + 1])) continue;
      DOHLE_RETURN_IF_ERROR(options_.file_system->WriteWhole(
          env::JoinPath(directory_, kQuorumState),
          raft::FormatQuorumState(persist->state, replay_.control().kraft_version)));
    } else if (const auto* leader = std::get_if<raft::BecomeLeader>(&effects[i])) {
      DOHLE_RETURN_IF_ERROR(log_->AssignEpochStart(leader->epoch, log_->log_end_offset()));
      log::Info(kModule, "leads the metadata quorum in epoch {} from offset {}", leader->epoch.value(),
                log_->log_end_offset().value());
    } else if (const auto* change = std::get_if<raft::AppendLeaderChange>(&effects[i])) {
      DOHLE_RETURN_IF_ERROR(AppendLeaderChange(*change));
    }
  }
  RefreshDescription();
  return OkStatus();
}

Status KraftLog::AppendLeaderChange(const raft::AppendLeaderChange& change) {
  const int64_t now_ms = NowMs();
  kafka::BatchOptions options;
  options.base_offset = log_->log_end_offset();
  options.partition_leader_epoch = change.epoch;
  options.control = true;
  kafka::RecordBatchBuilder batch(options);
  AppendLeaderChangeRecord(change, now_ms, &batch);
  if (change.with_voters) {
    AppendKraftVersionRecord(replay_.control().kraft_version, now_ms, &batch);
    AppendVotersRecord(replay_.control().voters, now_ms, &batch);
  }
  DOHLE_ASSIGN_OR_RETURN(std::string bytes, batch.Build());
  return AppendBatch(std::move(bytes)).status();
}

Status KraftLog::AppendRecords(const EncodedRecords& records) {
  const int64_t now_ms = NowMs();
  kafka::BatchOptions options;
  options.base_offset = log_->log_end_offset();
  options.partition_leader_epoch = raft_->epoch();
  kafka::RecordBatchBuilder batch(options);
  for (const std::string& record : records) batch.Append(now_ms, std::nullopt, record);
  DOHLE_ASSIGN_OR_RETURN(std::string bytes, batch.Build());
  DOHLE_RETURN_IF_ERROR(AppendBatch(std::move(bytes)).status());
  for (const std::string& record : records) DOHLE_RETURN_IF_ERROR(replay_.ApplyRecord(record));
  if (replay_.in_transaction()) {
    return MakeStatus(StatusCode::kInternal, "a write left its metadata transaction open");
  }
  replay_.Advance({log_->log_end_offset() - 1, raft_->epoch(), now_ms});
  return OkStatus();
}

StatusOr<uint64_t> KraftLog::AppendBatch(std::string batch) {
  const int64_t now_ms = NowMs();
  DOHLE_RETURN_IF_ERROR(log_->MaybeRoll(now_ms));
  DOHLE_ASSIGN_OR_RETURN(const storage::AppendResult appended,
                         log_->Append(std::span<char>(batch.data(), batch.size()),
                                      storage::AppendOrigin::kRaftLeader, raft_->epoch(), now_ms));
  if (appended.rejection != storage::AppendRejection::kNone) {
    return MakeStatus(StatusCode::kInternal, "the metadata log refused a batch: {}",
                      appended.rejection_reason);
  }
  last_append_ms_ = now_ms;
  bytes_since_snapshot_ += appended.bytes;
  replay_.Advance({log_->log_end_offset() - 1, raft_->epoch(), now_ms});
  raft_->Step(raft::Appended{{log_->log_end_offset(), raft_->epoch()}});
  return appended.bytes;
}

std::shared_ptr<KraftLog::Done> KraftLog::WaitFor(Offset end_offset, bool appended, bool* start_syncing) {
  auto done = std::make_shared<Done>();
  Waiter waiter{end_offset, done, std::nullopt};
  if (appended) waiter.appended_at = options_.clock->Now();
  waiters_.push_back(std::move(waiter));
  *start_syncing = !syncing_;
  syncing_ = true;
  return done;
}

std::vector<std::shared_ptr<KraftLog::Done>> KraftLog::TakeWaiters(Offset end_offset) {
  std::vector<std::shared_ptr<Done>> ready;
  std::erase_if(waiters_, [&](Waiter& waiter) {
    if (waiter.end_offset > end_offset) return false;
    ready.push_back(std::move(waiter.done));
    return true;
  });
  return ready;
}

void KraftLog::NoteCommitLatency(Offset committed_end) {
  const env::MonotonicTime now = options_.clock->Now();
  for (const Waiter& waiter : waiters_) {
    if (!waiter.appended_at || waiter.end_offset > committed_end) continue;
    commit_latency_.Note(NowMs(), absl::ToDoubleMilliseconds(now - *waiter.appended_at));
  }
}

void KraftLog::RefreshDescription() {
  QuorumDescription description;
  description.leader_id = raft_->leader_id();
  description.leader_epoch = raft_->epoch();
  description.high_watermark = raft_->high_watermark();
  description.voters = raft_->Replicas(NowMs());
  description.voter_set = raft_->voters();
  description.log_end_offset = log_->log_end_offset();
  description.commit_latency_avg_ms = commit_latency_.average_ms(NowMs());
  description.commit_latency_max_ms = commit_latency_.max_ms(NowMs());
  description.failed = !failure_.ok();
  description_.Set(std::make_shared<const QuorumDescription>(std::move(description)));
}

QuorumDescription KraftLog::Describe() const {
  QuorumDescription description = *description_.Current();
  // The leader has always just fetched from itself.
  for (raft::ReplicaProgress& voter : description.voters) {
    if (voter.key.id != description.leader_id) continue;
    voter.last_fetch_ms = NowMs();
    voter.last_caught_up_ms = voter.last_fetch_ms;
  }
  return description;
}

// ---- writing

env::Task<StatusOr<Offset>> KraftLog::Write(Decide decide) {
  std::shared_ptr<Done> done;
  bool start_syncing = false;
  Offset end;
  const env::MonotonicTime arrived = options_.clock->Now();
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    const env::MonotonicTime began = options_.clock->Now();
    options_.metrics.queue_time_us.Record(Us(began - arrived));
    if (Status refusal = Refusal(); !refusal.ok()) co_return refusal;
    const WriteContext context{replay_.image(), log_->log_end_offset(), raft_->epoch(), NowMs()};
    const EncodedRecords records = decide(context);
    if (!records.empty()) {
      const Status appended = AppendRecords(records);
      // The log is as it was: there may be room for the next write.
      if (MayPass(appended)) co_return NoRoom(appended);
      if (!appended.ok()) {
        Fail(appended);
        co_return Refusal();
      }
    }
    end = log_->log_end_offset();
    options_.metrics.processing_time_us.Record(Us(options_.clock->Now() - began));
    if (published_end_ >= end) co_return end;
    done = WaitFor(end, !records.empty(), &start_syncing);
  }
  if (start_syncing) env::Spawn(*options_.executor, SyncLoop());
  std::optional<Status> committed = co_await done->WaitForever();
  if (!committed->ok()) co_return *committed;
  co_return end;
}

// One at a time. Ends when nobody waits.
env::Task<void> KraftLog::SyncLoop() {
  for (;;) {
    storage::FlushPlan plan;
    std::optional<MetadataUpdate> update;
    Offset end;
    Status status;
    bool no_room = false;
    std::vector<std::shared_ptr<Done>> failed;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      if (waiters_.empty()) {
        syncing_ = false;
        TellDrained();
        co_return;
      }
      end = log_->log_end_offset();
      StatusOr<storage::FlushPlan> planned = log_->PlanFlush();
      status = planned.status();
      no_room = MayPass(status) && failure_.ok() && !stopped_;
      if (no_room) (void)NoRoom(status);
      if (!failure_.ok()) status = failure_;
      if (status.ok()) {
        plan = std::move(*planned);
        // Sealed here: what is appended while the disk works belongs to the next round.
        if (std::exchange(everything_pending_, false)) replay_.MarkEverything();
        update = replay_.Take();
      }
    }
    if (no_room) {
      // It is appended and will be committed when there is room; nobody was told anything yet.
      (void)co_await stop_.SleepFor(kNoRoomRetry);
      continue;
    }
    if (status.ok() && !plan.files.empty()) {
      absl::AnyInvocable<Status()> sync = [this, plan] {
        return options_.metrics.flush_times.Measure([&plan] { return plan.Execute(); });
      };
      status = co_await env::RunBlocking<Status>(*options_.blocking_pool, std::move(sync));
    }
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      if (status.ok()) {
        log_->MarkFlushed(plan, NowMs());
        NoteCommitLatency(end);
        status = Perform(raft_->Step(raft::Flushed{end, NowMs()}));
      }
      if (!status.ok()) {
        Fail(status);
        failed = TakeWaiters(Offset(INT64_MAX));
      }
    }
    if (!status.ok()) {
      for (const std::shared_ptr<Done>& done : failed) {
        done->Set(MakeStatus(StatusCode::kUnavailable, "the metadata log failed: {}", Message(status)));
      }
      continue;
    }
    co_await Publish(std::move(*update));
    std::vector<std::shared_ptr<Done>> ready;
    bool snapshot_due = false;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      published_end_ = end;
      ready = TakeWaiters(end);
      snapshot_due = SnapshotDue();
    }
    for (const std::shared_ptr<Done>& done : ready) done->Set(OkStatus());
    if (snapshot_due) env::Spawn(*options_.executor, SnapshotNow());
  }
}

env::Task<void> KraftLog::Publish(MetadataUpdate update) {
  cache_.Set(update.after);
  if (update.changes.empty()) co_return;
  for (MetadataPublisher* publisher : publishers_) co_await publisher->Publish(update);
}

// ---- start and stop

env::Task<Status> KraftLog::Start() {
  Status status;
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    DOHLE_CHECK(!started_);
    started_ = true;
    status = Perform(raft_->Step(raft::Started{NowMs()}));
    if (status.ok() && replay_.in_transaction()) {
      // Whoever led before didn't come to the end of it (KIP-866).
      kafka::AbortTransactionRecord abort;
      abort.reason = kafka::Text("Controller failover");
      const EncodedRecords records{kafka::EncodeMetadataRecord(std::move(abort), 0)};
      status = AppendRecords(records);
    }
    if (!status.ok()) Fail(status);
  }
  if (!status.ok()) co_return status;
  Decide nothing = [](const WriteContext&) { return EncodedRecords(); };
  const StatusOr<Offset> committed = co_await Write(std::move(nothing));
  if (!committed.ok()) co_return committed.status();
  if (options_.config.max_idle_interval_ms > 0) env::Spawn(*options_.executor, NoOpLoop());
  env::Spawn(*options_.executor, SnapshotLoop());
  co_await TellLeader();
  co_return OkStatus();
}

env::Task<void> KraftLog::TellLeader() {
  QuorumLeader leader;
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    leader.id = raft_->leader_id();
    leader.epoch = raft_->epoch();
    leader.is_local = raft_->is_leader();
    if (const raft::Voter* voter = raft_->voters().Find(leader.id)) leader.endpoints = voter->endpoints;
  }
  leader_.Set(std::make_shared<const QuorumLeader>(leader));
  for (QuorumListener* listener : listeners_) co_await listener->OnLeaderChange(leader);
}

// The only voter has caught up when Start returns.
env::Task<Status> KraftLog::WaitUntilCaughtUp() { co_return OkStatus(); }

env::Task<Status> KraftLog::Stop() {
  stop_.Stop();
  std::shared_ptr<env::OneShot<bool>> drained;
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    if (stopped_) co_return OkStatus();
    stopped_ = true;
    // Those who were let in before are answered first.
    if (syncing_ || taking_snapshot_) drained = drained_ = std::make_shared<env::OneShot<bool>>();
  }
  if (drained != nullptr) (void)co_await drained->WaitForever();
  const env::LaneGuard in_lane = co_await lane_.Enter();
  if (!failure_.ok()) co_return failure_;
  co_return log_->Close();
}

void KraftLog::TellDrained() {
  if (drained_ != nullptr && !syncing_ && !taking_snapshot_) drained_->Set(true);
}

env::Task<void> KraftLog::NoOpLoop() {
  const absl::Duration interval = absl::Milliseconds(options_.config.max_idle_interval_ms);
  while (!co_await stop_.SleepFor(interval)) {
    Decide no_op = [this](const WriteContext& context) {
      EncodedRecords records;
      // Only when idle: anything else that was appended tells observers as well how far the log is.
      if (context.now_ms - last_append_ms_ >= options_.config.max_idle_interval_ms &&
          context.image.features.metadata_version() > 0) {
        records.push_back(kafka::EncodeMetadataRecord(kafka::NoOpRecord(), 0));
      }
      return records;
    };
    (void)co_await Write(std::move(no_op));
  }
}

}  // namespace dohle::metadata
