#include "broker/metadata/kraft_log.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/env/blocking_pool.h"
#include "lib/kafka/messages/metadata_record.h"
#include "lib/kafka/messages/no_op_record.h"

namespace dohle::metadata {
namespace {

constexpr std::string_view kModule = "metadata";
constexpr int64_t kNoRoomLogMs = 10'000;
constexpr absl::Duration kNoRoomRetry = absl::Seconds(1);
constexpr absl::Duration kDrainTimeout = absl::Milliseconds(300);

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

void KraftLog::OnFailure(const Status& status) {
  if (!failure_.ok()) return;
  failure_ = status;
  log::Error(kModule, "the metadata log failed and accepts nothing any more: {}", Message(status));
  OnStepped();
  FailWaiters(MakeStatus(StatusCode::kUnavailable, "the metadata log failed: {}", Message(status)));
  for (CatchUp& waiting : std::exchange(catching_up_, {})) waiting.done->Set(Refusal());
  TellDrained();
  if (options_.on_fatal) options_.on_fatal(status);
}

Status KraftLog::AppendRecords(const EncodedRecords& records, raft::Effects* effects) {
  const int64_t now_ms = NowMs();
  const LeaderEpoch epoch = member_.raft().epoch();
  kafka::BatchOptions options;
  options.base_offset = log().log_end_offset();
  options.partition_leader_epoch = epoch;
  kafka::RecordBatchBuilder batch(options);
  for (const std::string& record : records) batch.Append(now_ms, std::nullopt, record);
  DOHLE_ASSIGN_OR_RETURN(std::string bytes, batch.Build());
  DOHLE_ASSIGN_OR_RETURN(const uint64_t appended, member_.AppendAsLeader(std::move(bytes), effects));
  last_append_ms_ = now_ms;
  bytes_since_snapshot_ += appended;
  for (const std::string& record : records) DOHLE_RETURN_IF_ERROR(replay_.ApplyRecord(record));
  if (replay_.in_transaction()) {
    return MakeStatus(StatusCode::kInternal, "a write left its metadata transaction open");
  }
  replay_.Advance({log().log_end_offset() - 1, epoch, now_ms});
  return OkStatus();
}

std::shared_ptr<KraftLog::Done> KraftLog::WaitFor(Offset end_offset, bool appended) {
  auto done = std::make_shared<Done>();
  Waiter waiter{end_offset, done, std::nullopt};
  if (appended) waiter.appended_at = options_.clock->Now();
  waiters_.push_back(std::move(waiter));
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

void KraftLog::FailWaiters(const Status& status) {
  for (const std::shared_ptr<Done>& done : TakeWaiters(Offset(INT64_MAX))) done->Set(status);
}

void KraftLog::NoteCommitLatency(Offset committed_end) {
  const env::MonotonicTime now = options_.clock->Now();
  for (Waiter& waiter : waiters_) {
    if (!waiter.appended_at || waiter.end_offset > committed_end) continue;
    commit_latency_.Note(NowMs(), absl::ToDoubleMilliseconds(now - *waiter.appended_at));
    waiter.appended_at.reset();
  }
}

void KraftLog::StartSyncing() {
  if (std::exchange(syncing_, true)) return;
  env::Spawn(*options_.executor, SyncLoop(member_.tasks().Take()));
}

// ---- writing

env::Task<StatusOr<Offset>> KraftLog::Write(Decide decide) {
  std::shared_ptr<Done> done;
  Offset end;
  const env::MonotonicTime arrived = options_.clock->Now();
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    const env::MonotonicTime began = options_.clock->Now();
    options_.metrics.queue_time_us.Record(Us(began - arrived));
    if (Status refusal = Refusal(); !refusal.ok()) co_return refusal;
    if (!member_.raft().is_leader())
      co_return MakeStatus(StatusCode::kUnavailable, "this node isn't the active controller");
    const WriteContext context{replay_.image(), log().log_end_offset(), member_.raft().epoch(), NowMs()};
    const EncodedRecords records = decide(context);
    if (!records.empty()) {
      raft::Effects effects;
      const Status appended = AppendRecords(records, &effects);
      // The log is as it was: there may be room for the next write.
      if (MayPass(appended)) co_return NoRoom(appended);
      if (!appended.ok()) {
        member_.Fail(appended);
        co_return Refusal();
      }
      if (!effects.empty()) (void)co_await member_.Perform(std::move(effects));
    }
    end = log().log_end_offset();
    options_.metrics.processing_time_us.Record(Us(options_.clock->Now() - began));
    if (published_end_ >= end) co_return end;
    done = WaitFor(end, !records.empty());
    if (member_.store().unflushed()) StartSyncing();
  }
  std::optional<Status> committed = co_await done->WaitForever();
  if (!committed->ok()) co_return *committed;
  co_return end;
}

// One at a time. Ends when everything is on the disk, or this node leads no more.
env::Task<void> KraftLog::SyncLoop(Hold) {
  for (;;) {
    storage::FlushPlan plan;
    Status status;
    bool no_room = false;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      if (!member_.store().unflushed() || !failure_.ok() || !member_.raft().is_leader()) {
        syncing_ = false;
        TellDrained();
        co_return;
      }
      StatusOr<storage::FlushPlan> planned = log().PlanFlush();
      status = planned.status();
      no_room = MayPass(status) && !stopped_;
      if (no_room) (void)NoRoom(status);
      if (status.ok()) {
        plan = std::move(*planned);
        // Sealed here: what is appended while the disk works belongs to the next round.
        Seal();
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
    bool publish = false;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      if (!status.ok()) {
        member_.Fail(status);
        continue;
      }
      log().MarkFlushed(plan, NowMs());
      // What it commits is published from here, before the disk is busy again with what came meanwhile.
      publish = !std::exchange(publishing_, true);
      (void)co_await member_.Perform(member_.Step(raft::Flushed{log().recovery_point()}));
    }
    if (publish) co_await PublishCommitted();
  }
}

// ---- start and stop

env::Task<Status> KraftLog::Start() {
  bool leads = false;
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    DOHLE_CHECK(!started_);
    started_ = true;
    const Status status = co_await member_.Start();
    if (!status.ok()) co_return status;
    leads = member_.raft().is_leader();
  }
  member_.StartTimers();
  env::Spawn(*options_.executor, follower_.Run(member_.tasks().Take()));
  if (options_.config.max_idle_interval_ms > 0)
    env::Spawn(*options_.executor, NoOpLoop(member_.tasks().Take()));
  env::Spawn(*options_.executor, SnapshotLoop(member_.tasks().Take()));
  if (!leads) co_return OkStatus();
  Decide nothing = [](const WriteContext&) { return EncodedRecords(); };
  const StatusOr<Offset> committed = co_await Write(std::move(nothing));
  if (!committed.ok()) co_return committed.status();
  co_await WaitUntilTold();
  co_return OkStatus();
}

env::Task<Status> KraftLog::Stop() {
  stop_.Stop();
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    if (stopped_) co_return OkStatus();
    stopped_ = true;
    for (CatchUp& waiting : std::exchange(catching_up_, {}))
      waiting.done->Set(MakeStatus(StatusCode::kCancelled, "the metadata log is stopped"));
  }
  // Those who were let in before are answered first.
  (void)co_await Drain();
  if (started_) co_await member_.Stop();
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    FailWaiters(Refusal());
  }
  co_await member_.tasks().WaitForNone();
  const env::LaneGuard in_lane = co_await lane_.Enter();
  if (!failure_.ok()) co_return failure_;
  co_return log().Close();
}

// Others may never answer: only what the local disk does is waited for without end.
env::Task<bool> KraftLog::Drain() {
  std::shared_ptr<env::OneShot<bool>> drained;
  bool alone = false;
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    if (waiters_.empty() && !syncing_ && !publishing_ && !taking_snapshot_) co_return true;
    alone = member_.raft().voters().IsOnlyVoter(member_.local());
    drained = drained_ = std::make_shared<env::OneShot<bool>>();
  }
  const auto in_time = co_await drained->WaitFor(alone ? absl::InfiniteDuration() : kDrainTimeout);
  co_return in_time.has_value();
}

void KraftLog::TellDrained() {
  if (drained_ != nullptr && waiters_.empty() && !syncing_ && !publishing_ && !taking_snapshot_)
    drained_->Set(true);
}

env::Task<void> KraftLog::NoOpLoop(Hold) {
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
    // Followers are refused, and try again.
    (void)co_await Write(std::move(no_op));
  }
}

}  // namespace dohle::metadata
