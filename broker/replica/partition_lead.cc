// The leader's side of a Partition.
#include <algorithm>
#include <optional>
#include <utility>

#include "broker/replica/partition.h"
#include "broker/replica/rules.h"
#include "lib/base/log.h"
#include "lib/kafka/record_batch.h"

namespace dohle::replica {
namespace {

// How long after a verdict that makes no sense the same is proposed again.
constexpr absl::Duration kProposeAgainAfter = absl::Seconds(1);

Status NotCommittedInTime(const TopicPartition& name, Offset end) {
  return MakeStatus(StatusCode::kDeadlineExceeded, "{} isn't replicated up to {}", ToString(name),
                    end.value());
}

// Of an idempotent producer's batch; it sends one at a time.
std::optional<ProducerSequence> SequenceOf(std::span<const char> batches) {
  const auto batch = kafka::BatchCursor({batches.data(), batches.size()}).Next();
  if (!batch || !batch->has_producer_id()) return std::nullopt;
  return ProducerSequence{batch->producer_id(), batch->producer_epoch(), batch->base_sequence()};
}

Status TooFewReplicas(StatusCode code, const TopicPartition& name) {
  return MakeStatus(code, "fewer replicas of {} are in sync than min.insync.replicas", ToString(name));
}

}  // namespace

LeaderView Partition::View() const {
  LeaderView view;
  view.log_end_offset = log_->log_end_offset();
  view.high_watermark = high_watermark_;
  view.min_in_sync_replicas = log_->config().min_in_sync_replicas;
  if (replication_ != nullptr) view.now_ms = replication_->clock->Now().nanoseconds() / 1'000'000;
  return view;
}

BrokerState Partition::StateOf(NodeId broker) const {
  return replication_ == nullptr ? BrokerState{} : replication_->broker_state(broker);
}

env::Task<StatusOr<LeadershipChange>> Partition::SetLeadership(Leadership leadership) {
  LeadershipChange change;
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone() && offline_.ok()) co_return Gone();
    if (gone()) co_return change;
    const auto age = [](const Leadership& of) { return std::pair(of.leader_epoch, of.partition_epoch); };
    if (age(leadership) < age(leadership_)) co_return change;
    const bool new_epoch = leadership.leader_epoch != leadership_.leader_epoch;
    if (new_epoch) {
      change.leader = leadership.leader;
      change.leader_epoch = leadership.leader_epoch;
      change.kind =
          leadership.leader == node_id_ ? LeadershipChange::Kind::kLeader : LeadershipChange::Kind::kFollower;
      news.disturbed = fetch_waiters_.Live();
    }
    if (leadership.leader == node_id_ && new_epoch) {
      DOHLE_CO_RETURN_IF_ERROR(log_->AssignEpochStart(leadership.leader_epoch, log_->log_end_offset()));
    }
    TakeLeadership(std::move(leadership), new_epoch, news);
  }
  Tell(std::move(news));
  co_return change;
}

void Partition::TakeLeadership(Leadership leadership, bool new_epoch, News& news) {
  const bool led = leads();
  // The leader learns its own changes from the controller's verdict, and from the metadata once more.
  const bool known = !new_epoch && leadership.partition_epoch == leadership_.partition_epoch;
  leadership_ = std::move(leadership);
  if (leadership_.replicas.empty()) leadership_.replicas = leadership_.in_sync_replicas;
  if (!leads()) {
    if (new_epoch) LeaveWaiters(news);
    replicating_.reset();
    has_followers_.store(false, std::memory_order_relaxed);
    return;
  }
  if (!led) {
    leading_since_ = leadership_.leader_epoch;
    epoch_start_ = log_->log_end_offset();
  }
  if (leadership_.replicas.size() <= 1) {
    // The only replica commits what it has.
    if (replicating_ != nullptr) replicating_->machine.Take(leadership_, View());
    AdvanceHighWatermark(log_->log_end_offset(), news);
    if (replicating_ != nullptr) LeaveWaiters(news);
    replicating_.reset();
    has_followers_.store(false, std::memory_order_relaxed);
    return;
  }
  if (replicating_ == nullptr) {
    const int64_t max_lag_ms = replication_ == nullptr ? 0 : replication_->max_lag_ms;
    replicating_ = std::make_unique<Replicating>(node_id_, max_lag_ms);
    replicating_->machine.NoteOwnEnd(log_->log_end_offset());
    has_followers_.store(true, std::memory_order_relaxed);
    replicating_->machine.Take(leadership_, View());
  } else if (!known) {
    CountIsrChange(replicating_->machine.Take(leadership_, View()), nullptr);
  }
  NoteOwnEnd(Offset(0), news);
}

void Partition::AdvanceHighWatermark(Offset offset, News& news) {
  if (offset <= high_watermark_) return;
  high_watermark_ = offset;
  log_->OnHighWatermark(offset);
  news.bytes += unreadable_.TakeUpTo(offset);
  news.waiters = fetch_waiters_.Live();
  if (replicating_ == nullptr || replicating_->commits.empty()) return;
  news.committed = replicating_->commits.TakeUpTo(offset);
  if (!replicating_->machine.EnoughAfterAppend(View())) news.outcome = CommitOutcome::kNotEnoughReplicas;
}

void Partition::NoteOwnEnd(Offset end, News& news) {
  if (replicating_ == nullptr) return AdvanceHighWatermark(end, news);
  Replication& machine = replicating_->machine;
  machine.NoteOwnEnd(end);
  AdvanceHighWatermark(machine.Committed(View(), [this](NodeId id) { return StateOf(id); }), news);
}

void Partition::NoteAppended(const storage::AppendResult& result, News& news) {
  if (result.bytes == 0) return;
  unreadable_.Add(log_->log_end_offset(), static_cast<int64_t>(result.bytes));
  if (replicating_ == nullptr) return;
  news.followers = replicating_->follower_fetches.Live();
  news.appended_bytes = static_cast<int64_t>(result.bytes);
}

void Partition::LeaveWaiters(News& news) {
  news.disturbed = fetch_waiters_.Live();
  if (replicating_ == nullptr) return;
  for (auto& waiter : replicating_->follower_fetches.Live()) news.disturbed.push_back(std::move(waiter));
  news.lost = replicating_->commits.TakeAll();
  for (CommitWaiter& waiter : replicating_->deletions.TakeAll()) news.lost.push_back(std::move(waiter));
}

void Partition::Tell(News news) {
  for (const auto& waiter : news.waiters) waiter->AddReadable(news.bytes);
  for (const auto& waiter : news.followers) waiter->AddReadable(news.appended_bytes);
  for (const auto& waiter : news.disturbed) waiter->Wake();
  for (const CommitWaiter& waiter : news.committed) waiter.told->Set(news.outcome);
  for (const CommitWaiter& waiter : news.deleted) waiter.told->Set(CommitOutcome::kCommitted);
  for (const CommitWaiter& waiter : news.lost) waiter.told->Set(CommitOutcome::kLost);
  if (news.proposal && replication_ != nullptr && replication_->isr_updates != nullptr) {
    env::Spawn(*replication_->executor, Propose(shared_from_this(), *std::move(news.proposal)));
  }
}

Status Partition::CheckAppend(const AppendOptions& options) const {
  if (!leads()) return Refusal();
  if (options.acks_all && replicating_ != nullptr && !replicating_->machine.EnoughInSync(View())) {
    return TooFewReplicas(StatusCode::kUnavailable, name_);
  }
  return OkStatus();
}

StatusOr<storage::AppendResult> Partition::Judge(std::span<const char> batches,
                                                 StatusOr<storage::AppendResult> appended) {
  if (appended.ok() && refused_ == nullptr) return appended;
  const auto sequence = SequenceOf(batches);
  if (!sequence) return appended;
  if (!appended.ok()) {
    if (refused_ == nullptr) refused_ = std::make_unique<RefusedProducers>();
    refused_->Note(*sequence, appended.status());
    return appended;
  }
  if (appended->rejection == storage::AppendRejection::kOutOfOrderSequenceNumber) {
    if (Status before = refused_->TakeReason(sequence->producer); !before.ok()) return before;
  } else if (appended->rejection == storage::AppendRejection::kNone) {
    refused_->Forget(sequence->producer);
  }
  if (refused_->empty()) refused_.reset();
  return appended;
}

Status Partition::CheckOrder(std::span<const char> batches) {
  if (refused_ == nullptr) return OkStatus();
  const auto sequence = SequenceOf(batches);
  if (!sequence || log_->KnowsProducer(sequence->producer)) return OkStatus();
  Status before = refused_->TakeReasonBefore(*sequence);
  if (refused_->empty()) refused_.reset();
  return before;
}

env::Task<StatusOr<Appended>> Partition::Append(std::span<char> batches, AppendOptions options) {
  Appended result;
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    const Status may = CheckAppend(options);
    if (!may.ok()) co_return Judge(batches, may).status();
    if (options.origin == storage::AppendOrigin::kClient) {
      const Status in_order = CheckOrder(batches);
      if (!in_order.ok()) co_return in_order;
    }
    if (!log_->has_files()) {
      const Status created = co_await CreateFilesOf(*log_);
      if (!created.ok()) co_return Judge(batches, created).status();
    }
    const auto origin = g_rules.check_sequences ? options.origin : storage::AppendOrigin::kCoordinator;
    auto appended = log_->Append(batches, origin, leadership_.leader_epoch, options.now_ms);
    if (!appended.ok()) NoteFailure("append", appended.status());
    appended = Judge(batches, std::move(appended));
    if (!appended.ok()) co_return appended.status();
    static_cast<storage::AppendResult&>(result) = std::move(*appended);
    result.flush_due = result.flush_due && g_rules.flush_before_answer;
    result.leader_epoch = leadership_.leader_epoch;
    NoteUnflushed(options.now_ms, false);
    NoteAppended(result, news);
    // Not to the log end: of a repetition all that is known is that its own records may be seen.
    if (!result.flush_due) NoteOwnEnd(result.last_offset + 1, news);
    result.committed = replicating_ == nullptr && !result.flush_due;
  }
  if (result.flush_due) {
    Tell(std::exchange(news, {}));
    const Offset end = result.last_offset + 1;
    DOHLE_CO_RETURN_IF_ERROR(co_await FlushTo(end, options.now_ms));
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (!led_since(result.leader_epoch)) co_return Refusal();
    NoteOwnEnd(end, news);
    result.committed = replicating_ == nullptr;
  }
  Tell(std::move(news));
  co_return result;
}

env::Task<Status> Partition::WaitUntilCommitted(Offset end, LeaderEpoch appended_under,
                                                absl::Duration timeout) {
  CommitWaiter waiter{end};
  const auto judge = [this] {
    const bool enough = replicating_ == nullptr || replicating_->machine.EnoughAfterAppend(View());
    return enough ? OkStatus() : TooFewReplicas(StatusCode::kAborted, name_);
  };
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (!led_since(appended_under)) co_return Refusal();
    if (high_watermark_ >= end) co_return judge();
    if (replicating_ == nullptr || timeout <= absl::ZeroDuration()) co_return NotCommittedInTime(name_, end);
    replicating_->commits.Add(waiter);
  }
  const std::optional<CommitOutcome> told = co_await waiter.told->WaitFor(timeout);
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!told) {
    if (replicating_ != nullptr) replicating_->commits.Remove(waiter);
    if (!led_since(appended_under)) co_return Refusal();
    co_return high_watermark_ >= end ? judge() : NotCommittedInTime(name_, end);
  }
  switch (*told) {
    case CommitOutcome::kCommitted:
      co_return OkStatus();
    case CommitOutcome::kNotEnoughReplicas:
      co_return TooFewReplicas(StatusCode::kAborted, name_);
    case CommitOutcome::kLost:
      break;
  }
  co_return Refusal();
}

FetchProblem Partition::CheckFollower(const FetchOptions& options) const {
  const bool replica =
      replicating_ != nullptr && replicating_->machine.HasReplica(options.follower->fetch.follower);
  if (replica) return FetchProblem::kNone;
  // It may know of an assignment that hasn't come here yet: it is to try again.
  return options.current_leader_epoch == kNoLeaderEpoch ? FetchProblem::kNotLeader
                                                        : FetchProblem::kUnknownLeaderEpoch;
}

FetchProblem Partition::NoteFollower(const FetchOptions& options, News& news) {
  if (!options.follower->note) return FetchProblem::kNone;
  FollowerFetch fetch = options.follower->fetch;
  fetch.fetch_offset = options.offset;
  Replication& machine = replicating_->machine;
  const auto brokers = [this](NodeId id) { return StateOf(id); };
  switch (machine.NoteFetch(fetch, View(), brokers)) {
    case FollowerVerdict::kNoted:
      break;
    case FollowerVerdict::kNotReplica:
    case FollowerVerdict::kStaleBrokerEpoch:
      return FetchProblem::kNotLeader;
  }
  news.proposal = machine.ProposeExpansion(fetch.follower, View(), brokers);
  NoteOwnEnd(Offset(0), news);
  if (!replicating_->deletions.empty()) {
    const Offset low = machine.LowWatermark(log_->log_start_offset(), brokers);
    news.deleted = replicating_->deletions.TakeUpTo(low);
  }
  return FetchProblem::kNone;
}

env::Task<void> Partition::CheckFollowers() {
  if (!has_followers_.load(std::memory_order_relaxed)) co_return;
  News news;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (replicating_ == nullptr || gone()) co_return;
    news.proposal = replicating_->machine.ProposeShrinking(View());
    // Nobody fetches from a leader whose followers have all gone; what waited for one may be over by now.
    NoteOwnEnd(Offset(0), news);
  }
  Tell(std::move(news));
}

env::Task<std::vector<ReadReplica>> Partition::ReadReplicas(Offset offset) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!leads() || replicating_ == nullptr) co_return std::vector<ReadReplica>();
  co_return replicating_->machine.ReadReplicas(offset, View());
}

void Partition::CountIsrChange(Replication::Outcome outcome, const IsrVerdict* verdict) const {
  using Outcome = Replication::Outcome;
  if (replication_ == nullptr) return;
  if (outcome == Outcome::kExpanded) replication_->isr_expands.Increment();
  if (outcome == Outcome::kShrunk) replication_->isr_shrinks.Increment();
  if (verdict == nullptr) return;
  const bool taken = outcome == Outcome::kExpanded || outcome == Outcome::kShrunk;
  if (!taken && verdict->error != kafka::ErrorCode::kNone) replication_->failed_isr_updates.Increment();
}

env::Task<void> Partition::Propose(std::shared_ptr<Partition> partition, Replication::Proposal proposal) {
  std::optional<Replication::Proposal> next = std::move(proposal);
  while (next) {
    const uint64_t id = next->id;
    next->isr.partition = partition->name_;
    next->isr.topic_id = partition->topic_id_;
    IsrUpdates& updates = *partition->replication_->isr_updates;
    const StatusOr<IsrVerdict> verdict = co_await updates.Propose(std::move(next->isr));
    if (!verdict.ok()) co_return;  // the broker stops
    next = co_await partition->TakeVerdict(id, *verdict);
  }
}

env::Task<std::optional<Replication::Proposal>> Partition::TakeVerdict(uint64_t id,
                                                                       const IsrVerdict& verdict) {
  News news;
  Replication::Outcome outcome{};
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (replicating_ == nullptr || gone()) co_return std::nullopt;
    Replication& machine = replicating_->machine;
    outcome = machine.OnVerdict(id, verdict);
    CountIsrChange(outcome, &verdict);
    if (outcome == Replication::Outcome::kExpanded || outcome == Replication::Outcome::kShrunk) {
      leadership_.in_sync_replicas = machine.in_sync_replicas();
      leadership_.partition_epoch = machine.partition_epoch();
    }
    NoteOwnEnd(Offset(0), news);
  }
  Tell(std::move(news));
  if (outcome != Replication::Outcome::kRetry) co_return std::nullopt;
  log::Warning("replica", "the ISR of {} isn't changed: {}; asking again", ToString(name_),
               kafka::Name(verdict.error));
  auto pause = std::make_shared<env::OneShot<bool>>();
  co_await pause->WaitFor(kProposeAgainAfter);
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (replicating_ == nullptr || gone()) co_return std::nullopt;
  co_return replicating_->machine.Again(id);
}

env::Task<StatusOr<Offset>> Partition::DeleteRecordsBefore(Offset offset, absl::Duration timeout) {
  CommitWaiter waiter;
  const auto brokers = [this](NodeId id) { return StateOf(id); };
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (!leads()) co_return Refusal();
    const Offset target = offset == kNoOffset ? high_watermark_ : offset;
    if (target > high_watermark_ || target < Offset(0)) {
      co_return MakeStatus(StatusCode::kOutOfRange, "{} is past the high watermark {} of {}", target.value(),
                           high_watermark_.value(), ToString(name_));
    }
    DOHLE_CO_RETURN_IF_ERROR(log_->AdvanceLogStartOffset(target));
    if (replicating_ == nullptr) co_return log_->log_start_offset();
    const Offset low = replicating_->machine.LowWatermark(log_->log_start_offset(), brokers);
    if (low >= target) co_return low;
    waiter.end = target;
    replicating_->deletions.Add(waiter);
  }
  const std::optional<CommitOutcome> told = co_await waiter.told->WaitFor(timeout);
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (replicating_ != nullptr) replicating_->deletions.Remove(waiter);
  if (!leads() || replicating_ == nullptr) co_return Refusal();
  const Offset low = replicating_->machine.LowWatermark(log_->log_start_offset(), brokers);
  // A replica that has died meanwhile isn't waited for.
  if (told || low >= waiter.end) co_return low;
  co_return MakeStatus(StatusCode::kDeadlineExceeded, "not all replicas of {} begin at {} yet",
                       ToString(name_), waiter.end.value());
}

}  // namespace dohle::replica
