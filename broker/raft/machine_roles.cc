// The transitions between the roles. Each leaves nothing behind of the role before.
#include <algorithm>

#include "broker/raft/machine.h"
#include "lib/base/check.h"

namespace dohle::raft {
namespace {

constexpr int64_t kStaggersInElectionTimeout = 50;
constexpr int64_t kProbesInElectionTimeout = 5;
constexpr int kMaxBackoffDoublings = 10;

}  // namespace

int64_t Raft::Machine::RandomElectionTimeoutMs() {
  return config_.election_timeout_ms + chance_.Below(config_.election_timeout_ms);
}

// About what an exchange with a neighbour and a write take.
int64_t Raft::Machine::stagger_ms() const {
  return std::max<int64_t>(config_.election_timeout_ms / kStaggersInElectionTimeout, 1);
}

// How long to wait for an election when it is known that nobody leads. All voters come to know it at about
// the same time: each has a turn of its own, so that the first has won before the next begins.
int64_t Raft::Machine::PromptDelayMs() {
  int64_t turn = 0;
  for (const Voter& voter : voters_.voters) {
    const NodeId id = voter.key.id;
    if (id < config_.local.id && id != election_.leader_id && !gone_.contains(id)) ++turn;
  }
  return turn * stagger_ms() + chance_.Below(stagger_ms());
}

int64_t Raft::Machine::BackoffMs() {
  const int64_t range = stagger_ms() << std::min(attempts_, kMaxBackoffDoublings);
  return stagger_ms() / 2 +
         chance_.Below(std::min(range, std::max<int64_t>(config_.election_backoff_max_ms, 1)));
}

void Raft::Machine::AdoptElection(ElectionState election) {
  if (election == election_) return;
  election_ = std::move(election);
  effects_.push_back(PersistElection{election_});
}

void Raft::Machine::ReportLeader() {
  const std::pair<NodeId, LeaderEpoch> now{leader_id(), election_.epoch};
  const bool nobody_either_way = now.first == kNoNode && reported_.first == kNoNode;
  if (now != reported_ && !nobody_either_way) effects_.push_back(LeaderChanged{now.first, now.second});
  reported_ = now;
}

// Nothing remains of what belongs to a role.
void Raft::Machine::LeaveLeading() {
  unanswered_.clear();
  snapshot_end_ = kNoOffset;
  leader_high_watermark_ = kNoOffset;
  leader_heard_ = false;
  ask_bootstrap_ = false;
  if (!leads()) return;
  EndChange(RaftError::kNotLeaderOrFollower);
  leading_.reset();
}

void Raft::Machine::BecomeUnattached(LeaderEpoch epoch, NodeId leader) {
  const bool had_election_timer =
      role_ == Role::kUnattached || role_ == Role::kProspective || role_ == Role::kCandidate;
  const bool keeps_timer = had_election_timer || leader_lost_;
  int64_t deadline = now_ms_ + RandomElectionTimeoutMs();
  if (keeps_timer && role_deadline_ms_ > now_ms_) deadline = std::min(deadline, role_deadline_ms_);
  LeaveLeading();
  const bool same_epoch = epoch == election_.epoch;
  role_ = Role::kUnattached;
  leader_endpoints_.clear();
  role_deadline_ms_ = may_elect() ? deadline : INT64_MAX;
  AdoptElection({epoch, leader, same_epoch ? election_.voted : std::nullopt});
  ReportLeader();
}

void Raft::Machine::BecomeFollower(const KnownLeader& leader) {
  const std::vector<VoterEndpoint> endpoints =
      leader.endpoints.empty() ? EndpointsOf(leader.id) : leader.endpoints;
  // Without knowing where the leader is it can't be followed; bootstrap servers may know.
  if (endpoints.empty()) return BecomeUnattached(leader.epoch, leader.id);
  const bool same_epoch = leader.epoch == election_.epoch;
  LeaveLeading();
  role_ = Role::kFollower;
  leader_endpoints_ = endpoints;
  leader_lost_ = false;
  asked_as_voter_ = false;
  role_deadline_ms_ = stopping_ ? INT64_MAX : now_ms_ + config_.fetch_timeout_ms;
  AdoptElection({leader.epoch, leader.id, same_epoch ? election_.voted : std::nullopt});
  ReportLeader();
  if (!same_epoch) {
    gone_.erase(leader.id);  // it was there later than what is known
  } else if (gone_.contains(leader.id)) {
    LeaderLost();  // somebody says so who hasn't noticed yet
  }
}

// A follower knows that its leader leads no more.
void Raft::Machine::LeaderLost() {
  leader_lost_ = true;
  leader_heard_ = false;
  ask_bootstrap_ = true;
  if (!may_elect()) return;
  const int64_t delay_ms = attempts_ == 0 ? PromptDelayMs() : BackoffMs();
  role_deadline_ms_ = std::min(role_deadline_ms_, now_ms_ + delay_ms);
}

void Raft::Machine::BecomeProspective() {
  DOHLE_CHECK(may_elect() && !leads());
  LeaveLeading();
  // The epoch and what is persisted stay: a pre-vote binds nobody.
  role_ = Role::kProspective;
  ballot_.Begin(config_.local.id);
  // One who knows that nobody leads tries again soon; until then it fetches from nobody.
  role_deadline_ms_ = now_ms_ + (leader_lost_ || !knows_leader()
                                     ? config_.election_timeout_ms / kProbesInElectionTimeout + stagger_ms()
                                     : RandomElectionTimeoutMs());
  SendToAll();
  GoOnIfDecided();
}

void Raft::Machine::LosePreVote() {
  ++attempts_;
  asked_as_voter_ = false;
  unanswered_.clear();
  if (!knows_leader() || leader_endpoints_.empty() || election_.leader_id == config_.local.id) {
    role_ = Role::kUnattached;
    role_deadline_ms_ = now_ms_ + (leader_lost_ || !knows_leader() ? BackoffMs() : RandomElectionTimeoutMs());
    return;
  }
  role_ = Role::kFollower;
  leader_heard_ = false;
  role_deadline_ms_ = now_ms_ + config_.fetch_timeout_ms;
  if (leader_lost_) LeaderLost();
}

void Raft::Machine::BecomeCandidate() {
  role_ = Role::kCandidate;
  leader_endpoints_.clear();
  ballot_.Begin(config_.local.id);
  role_deadline_ms_ = now_ms_ + RandomElectionTimeoutMs();
  const ElectionState election{election_.epoch + 1, kNoNode, config_.local};
  AdoptElection(election);
  ReportLeader();
  SendToAll();
  GoOnIfDecided();
}

void Raft::Machine::GoOnIfDecided() {
  if (ballot_.IsWon(voters_, needed())) {
    return role_ == Role::kProspective ? BecomeCandidate() : BecomeLeader();
  }
  if (!ballot_.IsLost(voters_, needed())) return;
  if (role_ == Role::kProspective) return LosePreVote();
  ++attempts_;
  role_deadline_ms_ = std::min(role_deadline_ms_, now_ms_ + BackoffMs());
}

void Raft::Machine::BecomeLeader() {
  LeaveLeading();
  role_ = Role::kLeader;
  attempts_ = 0;
  leader_lost_ = false;
  role_deadline_ms_ = INT64_MAX;
  AdoptElection({election_.epoch, config_.local.id, std::nullopt});
  reported_ = {config_.local.id, election_.epoch};
  effects_.push_back(raft::BecomeLeader{election_.epoch});
  // One and a half fetch time-outs, as Kafka, to allow for slow networks and disks.
  const int64_t majority_timeout_ms = config_.fetch_timeout_ms + config_.fetch_timeout_ms / 2;
  leading_.emplace(Leading{log_end().offset, Replicas(config_.local, majority_timeout_ms, now_ms_),
                           now_ms_ + config_.fetch_timeout_ms / 2, false});

  AppendLeaderChange change{election_.epoch, {}, ballot_.granting(), false};
  for (Voter& voter : voters_.voters) {
    change.voters.push_back(voter.key.id);
    if (voter.key.id != config_.local.id || config_.local_endpoints.empty()) continue;
    if (voter.endpoints == config_.local_endpoints || config_.kraft_version == 0) continue;
    voter.endpoints = config_.local_endpoints;
    change.with_voters = true;
  }
  if (!voters_in_log_ && config_.kraft_version > 0) change.with_voters = true;
  voters_in_log_ = true;
  effects_.push_back(std::move(change));
  SendToAll();
  if (stopping_) BecomeResigned(leading_->replicas.Successors(voters_));
}

void Raft::Machine::BecomeResigned(std::vector<ReplicaKey> successors) {
  LeaveLeading();
  role_ = Role::kResigned;
  leader_endpoints_.clear();
  successors_ = std::move(successors);
  role_deadline_ms_ = stopping_ ? INT64_MAX : now_ms_ + RandomElectionTimeoutMs();
  ReportLeader();
  SendToAll();
}

void Raft::Machine::AdvanceTo(Offset offset) {
  if (offset <= high_watermark_) return;
  high_watermark_ = offset;
  effects_.push_back(AdvanceHighWatermark{offset});
}

void Raft::Machine::UpdateFollowerHighWatermark() {
  if (role_ != Role::kFollower || leader_high_watermark_ == kNoOffset) return;
  AdvanceTo(std::min(leader_high_watermark_, log_end().offset));
}

void Raft::Machine::UpdateLeaderHighWatermark() {
  Leading& leading = *leading_;
  const Offset end = log_end().offset;
  const Offset own = config_.rules.count_own_flushed_only ? std::min(flushed_, end) : end;
  const Offset replicated = leading.replicas.ReplicatedTo(voters_, needed(), own);
  // A leader counts replicas only for records of its own epoch (Raft, section 5.4.2).
  if (replicated <= leading.epoch_start && config_.rules.commit_own_epoch) return;
  if (replicated <= Offset(0)) return;
  leading.established = true;
  AdvanceTo(std::min(replicated, end));
  OnCommitted();
}

}  // namespace dohle::raft
