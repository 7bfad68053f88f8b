// Inputs, timers and what is sent on their account.
#include "broker/raft/machine.h"

#include <algorithm>

#include "lib/base/check.h"

namespace dohle::raft {
namespace {

constexpr int kMaxResendDoublings = 5;

const std::vector<VoterEndpoint>& NoEndpoints() {
  static const std::vector<VoterEndpoint> none;
  return none;
}

}  // namespace

Raft::Machine::Machine(RaftConfig config)
    : config_(std::move(config)),
      voters_(config_.voters),
      voters_in_log_(config_.voters_in_log),
      election_(config_.persisted),
      chance_(config_.random_seed) {}

size_t Raft::Machine::needed() const {
  if (config_.rules.majority) return voters_.majority();
  return std::max<size_t>(voters_.voters.size() / 2, 1);
}

const std::vector<VoterEndpoint>& Raft::Machine::EndpointsOf(NodeId id) const {
  const Voter* voter = voters_.Find(id);
  return voter == nullptr ? NoEndpoints() : voter->endpoints;
}

KnownLeader Raft::Machine::Known() const {
  if (leads() && !config_.local_endpoints.empty()) {
    return {leader_id(), election_.epoch, config_.local_endpoints};
  }
  // A leader that is known to lead no more is recommended to nobody.
  if (leader_id() == kNoNode || (leader_lost_ && !leads())) return {kNoNode, election_.epoch, {}};
  if (!leads() && !leader_endpoints_.empty()) return {leader_id(), election_.epoch, leader_endpoints_};
  return {leader_id(), election_.epoch, EndpointsOf(leader_id())};
}

Effects Raft::Machine::Step(const Input& input, int64_t now_ms) {
  now_ms_ = now_ms;
  std::visit(
      [this](const auto& in) {
        using T = std::decay_t<decltype(in)>;
        if constexpr (std::is_same_v<T, Started>) {
          Start();
        } else if constexpr (std::is_same_v<T, TimePassed>) {
          OnTimePassed();
        } else if constexpr (std::is_same_v<T, Resign>) {
          OnResign();
        } else {
          On(in);
        }
      },
      input);
  SendDue();
  return Take();
}

// In the role that it had when it stopped; who led then leads no more (QuorumState.initialize).
void Raft::Machine::Start() {
  reported_.second = election_.epoch;
  if (voters_.IsOnlyVoter(config_.local)) {
    BecomeProspective();
    return;
  }
  role_deadline_ms_ = now_ms_ + PromptDelayMs();
  if (election_.leader_id == config_.local.id) {
    // Records of its epoch may have been lost with the process: it must not lead the epoch again.
    BecomeResigned({});
  } else if (knows_leader() && !EndpointsOf(election_.leader_id).empty()) {
    role_ = Role::kFollower;
    leader_endpoints_ = EndpointsOf(election_.leader_id);
    role_deadline_ms_ = now_ms_ + config_.fetch_timeout_ms;
    ReportLeader();
  }
  // Otherwise unattached, also if it was a candidate: what it asked votes for may be lost. It soon asks who
  // would vote for it, which as well is the quickest way to hear who leads.
}

void Raft::Machine::OnTimePassed() {
  if (leads()) return OnLeaderTime();
  if (now_ms_ < role_deadline_ms_) return;
  switch (role_) {
    case Role::kProspective:
      return LosePreVote();
    case Role::kResigned:
      // The epoch has to change, so that nobody takes this node for its leader any more.
      return BecomeUnattached(election_.epoch + 1, kNoNode);
    case Role::kUnattached:
    case Role::kFollower:
    case Role::kCandidate:
    case Role::kLeader:
      break;
  }
  if (may_elect()) return BecomeProspective();
  role_deadline_ms_ = role_ == Role::kFollower ? now_ms_ + config_.fetch_timeout_ms : INT64_MAX;
  ask_bootstrap_ = true;
}

void Raft::Machine::OnLeaderTime() {
  Leading& leading = *leading_;
  if (now_ms_ >= leading.replicas.majority_deadline_ms(voters_)) {
    return BecomeResigned(leading.replicas.Successors(voters_));
  }
  if (change_.has_value() && now_ms_ >= change_->deadline_ms) EndChange(RaftError::kRequestTimedOut);
  if (now_ms_ < leading.begin_quorum_ms) return;
  const int64_t silent_since = now_ms_ - config_.fetch_timeout_ms / 2;
  for (const Voter& voter : voters_.voters) {
    if (voter.key.id == config_.local.id || unanswered_.contains(voter.key.id)) continue;
    const int64_t last_fetch_ms = leading.replicas.LastFetchMs(voters_, voter.key);
    if (last_fetch_ms < 0 || last_fetch_ms <= silent_since) unanswered_[voter.key.id].due_ms = now_ms_;
  }
  leading.replicas.ForgetSilent(voters_, now_ms_);
  leading.begin_quorum_ms = now_ms_ + config_.fetch_timeout_ms / 2;
}

void Raft::Machine::On(const Appended& /*appended*/) {
  if (!leads()) UpdateFollowerHighWatermark();
}

void Raft::Machine::On(const Flushed& flushed) {
  flushed_ = std::max(flushed_, flushed.offset);
  if (leads()) UpdateLeaderHighWatermark();
}

void Raft::Machine::On(const Truncated& truncated) {
  const Offset end = truncated.log_end.offset;
  flushed_ = std::min(flushed_, end);
  if (snapshot_end_ == kNoOffset || end < snapshot_end_) return;
  // All of a snapshot is committed.
  flushed_ = std::max(flushed_, snapshot_end_);
  AdvanceTo(snapshot_end_);
  snapshot_end_ = kNoOffset;
}

void Raft::Machine::On(const VotersChanged& changed) {
  const bool was_alone = voters_.IsOnlyVoter(config_.local);
  voters_ = changed.voters;
  voters_offset_ = changed.offset;
  if (changed.offset != kNoOffset) voters_in_log_ = true;
  if (leads()) {
    if (was_alone) leading_->replicas.ExpectMajority(now_ms_);
    if (change_.has_value() && change_->offset == kNoOffset) change_->offset = changed.offset;
    std::erase_if(unanswered_, [this](const auto& entry) { return voters_.Find(entry.first) == nullptr; });
    UpdateLeaderHighWatermark();
    return;
  }
  const bool electing = role_ == Role::kProspective || role_ == Role::kCandidate;
  if (electing && !may_elect()) {
    role_ = Role::kUnattached;
    unanswered_.clear();
  }
  if (role_ == Role::kUnattached && is_voter() && role_deadline_ms_ == INT64_MAX) {
    role_deadline_ms_ = now_ms_ + RandomElectionTimeoutMs();
  }
}

void Raft::Machine::On(const RequestFailed& failed) {
  const auto found = unanswered_.find(failed.to);
  if (found != unanswered_.end() && found->second.due_ms == INT64_MAX) {
    const int doublings = std::min(found->second.failures++, kMaxResendDoublings);
    found->second.due_ms = now_ms_ + (config_.retry_backoff_ms << doublings);
  }
  if (role_ == Role::kFollower && failed.to == election_.leader_id) ask_bootstrap_ = true;
}

void Raft::Machine::On(const PeerGone& gone) {
  if (gone.id == config_.local.id) return;
  gone_.insert(gone.id);
  switch (role_) {
    case Role::kFollower:
      if (election_.leader_id == gone.id) LeaderLost();
      return;
    case Role::kUnattached:
      // The candidate that got the vote won't lead.
      if (election_.leader_id == gone.id || (election_.voted.has_value() && election_.voted->id == gone.id)) {
        leader_lost_ = true;
        if (may_elect()) role_deadline_ms_ = std::min(role_deadline_ms_, now_ms_ + PromptDelayMs());
      }
      return;
    case Role::kProspective:
    case Role::kCandidate:
      if (election_.leader_id == gone.id) leader_lost_ = true;
      unanswered_.erase(gone.id);
      ballot_.Record(gone.id, false);
      return GoOnIfDecided();
    case Role::kResigned:
      unanswered_.erase(gone.id);
      return;
    case Role::kLeader:
      return;
  }
}

void Raft::Machine::OnResign() {
  if (stopping_) return;
  stopping_ = true;
  if (leads()) {
    BecomeResigned(leading_->replicas.Successors(voters_));
  } else if (role_ == Role::kProspective) {
    LosePreVote();
  }
  if (!leads()) role_deadline_ms_ = INT64_MAX;
}

void Raft::Machine::SendToAll() {
  unanswered_.clear();
  for (const Voter& voter : voters_.voters) {
    if (voter.key.id != config_.local.id) unanswered_[voter.key.id].due_ms = now_ms_;
  }
}

void Raft::Machine::SendDue() {
  for (auto& [id, unanswered] : unanswered_) {
    if (unanswered.due_ms > now_ms_) continue;
    unanswered.due_ms = INT64_MAX;
    if (const Voter* voter = voters_.Find(id); voter != nullptr) Send(voter->key);
  }
}

void Raft::Machine::Send(const ReplicaKey& to) {
  switch (role_) {
    case Role::kProspective:
    case Role::kCandidate:
      effects_.push_back(
          SendVote{to, {config_.local, election_.epoch, log_end(), role_ == Role::kProspective, to}});
      return;
    case Role::kLeader:
      effects_.push_back(SendBeginQuorumEpoch{to, {Known(), to}});
      return;
    case Role::kResigned:
      effects_.push_back(
          SendEndQuorumEpoch{to, {config_.local.id, election_.epoch, successors_, config_.local_endpoints}});
      return;
    case Role::kUnattached:
    case Role::kFollower:
      return;
  }
}

int64_t Raft::Machine::deadline_ms() const {
  int64_t deadline = leads() ? INT64_MAX : role_deadline_ms_;
  if (leads()) {
    deadline = leading_->replicas.majority_deadline_ms(voters_);
    if (!voters_.IsOnlyVoter(config_.local)) deadline = std::min(deadline, leading_->begin_quorum_ms);
    if (change_.has_value()) deadline = std::min(deadline, change_->deadline_ms);
  }
  for (const auto& [id, unanswered] : unanswered_) deadline = std::min(deadline, unanswered.due_ms);
  return deadline;
}

Raft::FetchTarget Raft::Machine::fetch_target() const {
  using Kind = FetchTarget::Kind;
  if (role_ == Role::kUnattached || (role_ == Role::kFollower && ask_bootstrap_)) {
    return {Kind::kBootstrapServer, kNoNode, election_.epoch, {}};
  }
  if (role_ != Role::kFollower) return {Kind::kNobody, kNoNode, election_.epoch, {}};
  return {Kind::kLeader, election_.leader_id, election_.epoch, leader_endpoints_};
}

std::vector<ReplicaProgress> Raft::Machine::DescribeVoters(int64_t now_ms) const {
  if (!leads()) return {};
  return leading_->replicas.DescribeVoters(voters_, log_end().offset, now_ms);
}

std::vector<ReplicaProgress> Raft::Machine::DescribeObservers(int64_t now_ms) const {
  if (!leads()) return {};
  return leading_->replicas.DescribeObservers(voters_, now_ms);
}

}  // namespace dohle::raft
