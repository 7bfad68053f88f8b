#include "broker/replica/replication.h"

#include <algorithm>
#include <utility>

#include "broker/replica/rules.h"

namespace dohle::replica {
namespace {

bool Contains(const std::vector<NodeId>& ids, NodeId id) { return std::ranges::find(ids, id) != ids.end(); }

}  // namespace

// Whether it has come to be.
bool Replication::Pending::Is(const std::vector<NodeId>& in_sync) const {
  const std::vector<IsrMember>& proposed = proposal.isr.in_sync_replicas;
  return proposed.size() == in_sync.size() &&
         std::ranges::all_of(proposed, [&](const IsrMember& member) { return Contains(in_sync, member.id); });
}

const Replication::Follower* Replication::Find(NodeId id) const {
  const auto found = std::ranges::find(followers_, id, &Follower::id);
  return found == followers_.end() ? nullptr : &*found;
}

void Replication::SetInSync(std::vector<NodeId> in_sync) {
  in_sync_ = std::move(in_sync);
  for (Follower& follower : followers_) follower.in_sync = Contains(in_sync_, follower.id);
}

Replication::Outcome Replication::Take(const Leadership& leadership, const LeaderView& view) {
  const bool began = leader_epoch_ == kNoLeaderEpoch;
  const bool new_epoch = leadership.leader_epoch != leader_epoch_;
  std::vector<Follower> followers;
  for (const NodeId id : leadership.replicas) {
    if (id == self_) continue;
    const Follower* known = Find(id);
    Follower& follower = followers.emplace_back(known == nullptr ? Follower{} : *known);
    follower.id = id;
    if (!new_epoch) continue;
    const bool in_sync = Contains(leadership.in_sync_replicas, id);
    // Of who isn't in the ISR nothing is assumed: the high watermark doesn't wait for it.
    follower.caught_up_ms = in_sync ? view.now_ms : kNever;
    follower.last_fetch_ms = !began && in_sync ? view.now_ms : kNever;
    follower.leader_end_at_last_fetch = began ? kNoOffset : view.log_end_offset;
  }
  followers_ = std::move(followers);
  if (new_epoch) {
    epoch_start_ = view.log_end_offset;
    leader_epoch_ = leadership.leader_epoch;
  }
  partition_epoch_ = leadership.partition_epoch;
  const Outcome outcome = !new_epoch && pending_ && pending_->Is(leadership.in_sync_replicas)
                              ? pending_->outcome()
                              : Outcome::kNothing;
  pending_.reset();
  SetInSync(leadership.in_sync_replicas);
  return outcome;
}

FollowerVerdict Replication::NoteFetch(const FollowerFetch& fetch, const LeaderView& view,
                                       BrokerStateOf brokers) {
  const auto found = std::ranges::find(followers_, fetch.follower, &Follower::id);
  if (found == followers_.end()) return FollowerVerdict::kNotReplica;
  if (fetch.broker_epoch != BrokerEpoch(-1) && g_rules.check_broker_epochs) {
    // From before the broker restarted: what it had then it may have lost (KIP-903).
    const BrokerState state = brokers(fetch.follower);
    if (state.alive && state.epoch > fetch.broker_epoch) return FollowerVerdict::kStaleBrokerEpoch;
  }
  Follower& follower = *found;
  if (fetch.fetch_offset >= view.log_end_offset) {
    follower.caught_up_ms = std::max(follower.caught_up_ms, view.now_ms);
  } else if (fetch.fetch_offset >= follower.leader_end_at_last_fetch) {
    // It has what there was when it asked before; under a steady stream it never has all that there is.
    follower.caught_up_ms = std::max(follower.caught_up_ms, follower.last_fetch_ms);
  }
  follower.end = fetch.fetch_offset;
  follower.log_start = fetch.log_start_offset;
  follower.leader_end_at_last_fetch = std::max(follower.leader_end_at_last_fetch, view.log_end_offset);
  follower.last_fetch_ms = view.now_ms;
  follower.broker_epoch = fetch.broker_epoch;
  return FollowerVerdict::kNoted;
}

bool Replication::CaughtUp(const Follower& follower, const LeaderView& view) const {
  return follower.end == view.log_end_offset || view.now_ms - follower.caught_up_ms <= max_lag_ms_;
}

bool Replication::Eligible(const Follower& follower, BrokerStateOf brokers) {
  if (!follower.broker_epoch) return false;
  const BrokerState state = brokers(follower.id);
  if (!state.alive || state.shutting_down) return false;
  return *follower.broker_epoch == BrokerEpoch(-1) || *follower.broker_epoch == state.epoch ||
         !g_rules.check_broker_epochs;
}

int32_t Replication::EffectiveMinimum(const LeaderView& view) const {
  if (!g_rules.min_in_sync_replicas) return 1;
  return std::min(view.min_in_sync_replicas, static_cast<int32_t>(followers_.size()) + 1);
}

bool Replication::EnoughInSync(const LeaderView& view) const {
  return static_cast<int32_t>(in_sync_.size()) >= EffectiveMinimum(view);
}

bool Replication::EnoughAfterAppend(const LeaderView& view) const {
  const bool joins = pending_ && pending_->joins != kNoNode;
  return static_cast<int32_t>(in_sync_.size()) + joins >= EffectiveMinimum(view);
}

Offset Replication::Committed(const LeaderView& view, BrokerStateOf brokers) const {
  if (!EnoughInSync(view)) return view.high_watermark;
  Offset committed = own_end_;
  if (!g_rules.high_watermark_waits) return std::max(committed, view.high_watermark);
  for (const Follower& follower : followers_) {
    if (follower.end >= committed) continue;
    const bool counts = follower.in_sync || (pending_ && pending_->joins == follower.id) ||
                        // Or it could never join: the high watermark would run away from it.
                        (CaughtUp(follower, view) && Eligible(follower, brokers));
    if (counts) committed = follower.end;
  }
  return std::max(committed, view.high_watermark);
}

std::optional<Replication::Proposal> Replication::Propose(std::vector<NodeId> in_sync, NodeId joins) {
  Proposal proposal;
  proposal.id = ++last_id_;
  proposal.isr.leader_epoch = leader_epoch_;
  proposal.isr.partition_epoch = partition_epoch_;
  for (const NodeId id : in_sync) {
    const Follower* follower = Find(id);
    const bool known = follower != nullptr && follower->broker_epoch;
    proposal.isr.in_sync_replicas.push_back({id, known ? *follower->broker_epoch : BrokerEpoch(-1)});
  }
  pending_ = Pending{proposal, joins};
  in_flight_ = proposal.id;
  return proposal;
}

std::optional<Replication::Proposal> Replication::ProposeExpansion(NodeId id, const LeaderView& view,
                                                                   BrokerStateOf brokers) {
  if (pending_ || in_flight_) return std::nullopt;
  const Follower* follower = Find(id);
  if (follower == nullptr || follower->in_sync) return std::nullopt;
  // Not before it has what this leader began with: what was committed before lies below.
  const bool lacks = follower->end < view.high_watermark || follower->end < epoch_start_;
  if (lacks && g_rules.join_caught_up) return std::nullopt;
  if (!Eligible(*follower, brokers)) return std::nullopt;
  std::vector<NodeId> in_sync = in_sync_;
  in_sync.push_back(id);
  return Propose(std::move(in_sync), id);
}

std::optional<Replication::Proposal> Replication::ProposeShrinking(const LeaderView& view) {
  if (pending_ || in_flight_) return std::nullopt;
  std::vector<NodeId> stay;
  for (const NodeId id : in_sync_) {
    const Follower* follower = Find(id);
    if (id == self_ || (follower != nullptr && CaughtUp(*follower, view))) stay.push_back(id);
  }
  if (stay.size() == in_sync_.size()) return std::nullopt;
  return Propose(std::move(stay), kNoNode);
}

Replication::Outcome Replication::OnVerdict(uint64_t id, const IsrVerdict& verdict) {
  using kafka::ErrorCode;
  if (in_flight_ == id) in_flight_.reset();
  if (!pending_ || pending_->proposal.id != id) return Outcome::kNothing;
  switch (verdict.error) {
    case ErrorCode::kNone:
      break;
    case ErrorCode::kOperationNotAttempted:
    case ErrorCode::kIneligibleReplica:
      // The partition epoch was right and nothing was changed: as before.
      pending_.reset();
      return Outcome::kNothing;
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kFencedLeaderEpoch:
    case ErrorCode::kInvalidUpdateVersion:
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kNewLeaderElected:
      // The metadata will tell what there is now. Until then the larger ISR is the safe one to wait for.
      return Outcome::kNothing;
    default:
      in_flight_ = id;
      return Outcome::kRetry;
  }
  if (verdict.leader_epoch != leader_epoch_ || verdict.partition_epoch < partition_epoch_) {
    return Outcome::kNothing;
  }
  const Outcome outcome = pending_->outcome();
  pending_.reset();
  partition_epoch_ = verdict.partition_epoch;
  SetInSync(verdict.in_sync_replicas);
  return outcome;
}

std::optional<Replication::Proposal> Replication::Again(uint64_t id) {
  if (in_flight_ != id) return std::nullopt;
  if (!pending_ || pending_->proposal.id != id) {
    in_flight_.reset();
    return std::nullopt;
  }
  return pending_->proposal;
}

Offset Replication::LowWatermark(Offset own_log_start, BrokerStateOf brokers) const {
  Offset low = own_log_start;
  for (const Follower& follower : followers_) {
    if (follower.log_start < low && brokers(follower.id).alive) low = follower.log_start;
  }
  return low;
}

std::vector<ReadReplica> Replication::ReadReplicas(Offset offset, const LeaderView& view) const {
  std::vector<ReadReplica> replicas{{self_, view.log_end_offset, 0}};
  for (const Follower& follower : followers_) {
    if (!follower.in_sync || follower.end < offset || follower.log_start > offset) continue;
    replicas.push_back({follower.id, follower.end, view.now_ms - follower.caught_up_ms});
  }
  return replicas;
}

}  // namespace dohle::replica
