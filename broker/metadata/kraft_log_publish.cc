// What is committed, to the publishers; who leads, to the listeners.
#include <algorithm>
#include <utility>

#include "broker/metadata/kraft_log.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/messages/abort_transaction_record.h"
#include "lib/kafka/messages/metadata_record.h"

namespace dohle::metadata {
namespace {

// Of the log, in one update of a node that follows.
constexpr uint64_t kReplayBytes = uint64_t{1} << 20;
constexpr uint64_t kEverything = uint64_t{4} << 20;

}  // namespace

// ---- replay

Status KraftLog::ReplayTo(Offset end, uint64_t max_bytes) {
  DOHLE_ASSIGN_OR_RETURN(
      const Offset reached,
      member_.store().Read(replayed_end(), end, max_bytes, [this](const kafka::RecordBatchView& batch) {
        bytes_since_snapshot_ += batch.size();
        return replay_.Apply(batch);
      }));
  DOHLE_CHECK(reached == replayed_end());
  return OkStatus();
}

// From what was published on: what was appended and isn't committed may never be.
void KraftLog::RestartReplay() {
  sealed_.clear();
  if (taken_ == nullptr) {
    replay_ = loaded_;
    return;
  }
  replay_ = LogReplay(taken_);
  replay_.Advance(taken_->provenance);
  replay_.set_control(member_.control().At(taken_->provenance.end_offset()));
}

Status KraftLog::OnBecomeLeader(raft::Effects* effects) {
  const Offset end = log().log_end_offset();
  while (replayed_end() < end) DOHLE_RETURN_IF_ERROR(ReplayTo(end, kEverything));
  replay_.set_control(member_.control().Latest());
  own_epoch_start_ = member_.raft().epoch_start_offset();
  if (replay_.in_transaction()) {
    // Whoever led before didn't come to the end of it (KIP-866).
    kafka::AbortTransactionRecord abort;
    abort.reason = kafka::Text("Controller failover");
    const EncodedRecords records{kafka::EncodeMetadataRecord(std::move(abort), 0)};
    DOHLE_RETURN_IF_ERROR(AppendRecords(records, effects));
  }
  StartSyncing();
  return OkStatus();
}

void KraftLog::OnControlAppended() {
  replay_.set_control(member_.control().Latest());
  replay_.Advance({log().log_end_offset() - 1, member_.raft().epoch(), NowMs()});
  StartSyncing();
}

void KraftLog::OnLeaderChange(raft::KnownLeader leader, bool led) {
  own_epoch_start_.reset();
  if (led) {
    RestartReplay();
    FailWaiters(
        MakeStatus(StatusCode::kUnavailable,
                   "this node leads the metadata quorum no more: the change may or may not be committed"));
    TellDrained();
  }
  Announce(std::move(leader), false);
  StartPublishing();
}

void KraftLog::OnSnapshotFetched(LogReplay replay) {
  sealed_.clear();
  loaded_ = replay;
  replay_ = std::move(replay);
  taken_ = nullptr;
  everything_pending_ = true;
  bytes_since_snapshot_ = 0;
}

// ---- publishing

void KraftLog::OnHighWatermark() {
  NoteCommitLatency(member_.raft().high_watermark());
  StartPublishing();
}

void KraftLog::StartPublishing() {
  if (!started_ || std::exchange(publishing_, true)) return;
  env::Spawn(*options_.executor, PublishInBackground(member_.tasks().Take()));
}

env::Task<void> KraftLog::PublishInBackground(Hold) { co_await PublishCommitted(); }

void KraftLog::Seal() {
  const Offset sealed_end = sealed_.empty()
                                ? (taken_ == nullptr ? Offset(-1) : taken_->provenance.end_offset())
                                : sealed_.back().end;
  if (!everything_pending_ && sealed_end == replayed_end()) return;
  const bool everything = std::exchange(everything_pending_, false);
  if (everything) replay_.MarkEverything();
  MetadataUpdate update = replay_.Take();
  // After a snapshot that was fetched: those who compare do so with what they have.
  if (everything && given_ != nullptr) update.before = given_;
  sealed_.push_back({std::move(update), replayed_end()});
}

StatusOr<std::optional<KraftLog::Update>> KraftLog::NextUpdate() {
  const Offset committed = member_.raft().high_watermark();
  std::optional<Update> next;
  if (committed == kNoOffset || !failure_.ok()) return next;
  if (sealed_.empty() && !member_.raft().is_leader()) {
    while (replayed_end() < committed) {
      DOHLE_RETURN_IF_ERROR(ReplayTo(committed, kReplayBytes));
      if (!replay_.in_transaction() && !everything_pending_) break;
    }
  }
  // Publishers take the first image for the truth, and set aside what isn't in it: half of it would be wrong.
  if (everything_pending_ && replayed_end() < member_.CommittedInLane().value_or(Offset(INT64_MAX))) return next;
  if (sealed_.empty() && replayed_end() <= committed && !replay_.in_transaction()) Seal();
  if (sealed_.empty() || sealed_.front().end > committed) return next;
  next = std::move(sealed_.front());
  sealed_.pop_front();
  taken_ = given_ = next->update.after;
  return next;
}

// One at a time, as publishing_ says. Ends when everything that is committed is published.
env::Task<void> KraftLog::PublishCommitted() {
  for (;;) {
    std::optional<Update> next;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      StatusOr<std::optional<Update>> update = NextUpdate();
      if (!update.ok()) member_.Fail(update.status());
      if (update.ok()) next = std::move(*update);
      if (!next) {
        publishing_ = false;
        TellDrained();
        co_return;
      }
    }
    co_await Publish(std::move(next->update));
    std::vector<std::shared_ptr<Done>> ready;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      published_end_ = std::max(published_end_, next->end);
      applied_offset_ = published_end_.value() - 1;
      ready = TakeWaiters(next->end);
      CheckCaughtUp();
      if (own_epoch_start_ && published_end_ > *own_epoch_start_) {
        own_epoch_start_.reset();
        Announce(member_.LeaderInLane(), true);
      }
      if (SnapshotDue()) env::Spawn(*options_.executor, SnapshotInBackground(member_.tasks().Take()));
    }
    for (const std::shared_ptr<Done>& done : ready) done->Set(OkStatus());
  }
}

env::Task<void> KraftLog::Publish(MetadataUpdate update) {
  cache_.Set(update.after);
  if (update.changes.empty()) co_return;
  for (MetadataPublisher* publisher : publishers_) co_await publisher->Publish(update);
}

// ---- catching up

void KraftLog::CheckCaughtUp() {
  if (catching_up_.empty()) return;
  const std::optional<Offset> committed = member_.CommittedInLane();
  std::erase_if(catching_up_, [&](CatchUp& waiting) {
    if (!waiting.target) waiting.target = committed;
    if (!waiting.target || published_end_ < *waiting.target) return false;
    waiting.done->Set(OkStatus());
    return true;
  });
}

env::Task<Status> KraftLog::WaitUntilCaughtUp() {
  auto done = std::make_shared<Done>();
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    if (!failure_.ok()) co_return Refusal();
    if (stopped_) co_return MakeStatus(StatusCode::kCancelled, "the metadata log is stopped");
    catching_up_.push_back({std::nullopt, done});
    CheckCaughtUp();
  }
  std::optional<Status> status = co_await done->WaitForever();
  co_return *std::move(status);
}

// ---- who leads

void KraftLog::Announce(raft::KnownLeader known, bool is_local) {
  QuorumLeader leader{known.id, known.epoch, std::move(known.endpoints), is_local};
  if (leader == last_leader_) return;
  last_leader_ = leader;
  leader_.Set(std::make_shared<const QuorumLeader>(leader));
  leaders_to_tell_.push_back(std::move(leader));
  if (std::exchange(telling_, true)) return;
  env::Spawn(*options_.executor, TellListeners(member_.tasks().Take()));
}

env::Task<void> KraftLog::TellListeners(Hold) {
  for (;;) {
    QuorumLeader leader;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      if (leaders_to_tell_.empty()) {
        telling_ = false;
        if (told_ != nullptr) told_->Set(true);
        co_return;
      }
      leader = std::move(leaders_to_tell_.front());
      leaders_to_tell_.pop_front();
    }
    for (QuorumListener* listener : listeners_) co_await listener->OnLeaderChange(leader);
  }
}

env::Task<void> KraftLog::WaitUntilTold() {
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    if (!telling_) co_return;
    told_ = std::make_shared<env::OneShot<bool>>();
  }
  (void)co_await told_->WaitForever();
}

// ---- describing

void KraftLog::OnStepped() {
  CheckCaughtUp();
  const raft::Raft& raft = member_.raft();
  const int64_t now_ms = member_.NowMs();
  QuorumDescription description;
  description.leader_id = raft.leader_id();
  description.leader_epoch = raft.epoch();
  description.high_watermark = raft.high_watermark();
  description.voters = raft.Voters(now_ms);
  description.observers = raft.Observers(now_ms);
  const int64_t wall_offset_ms = NowMs() - now_ms;
  for (auto* replicas : {&description.voters, &description.observers}) {
    for (raft::ReplicaProgress& replica : *replicas) {
      if (replica.last_fetch_ms >= 0) replica.last_fetch_ms += wall_offset_ms;
      if (replica.last_caught_up_ms >= 0) replica.last_caught_up_ms += wall_offset_ms;
    }
  }
  description.voter_set = raft.voters();
  description.log_end_offset = log().log_end_offset();
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

}  // namespace dohle::metadata
