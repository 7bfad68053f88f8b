// What others ask.
#include <algorithm>

#include "broker/raft/divergence.h"
#include "broker/raft/machine.h"

namespace dohle::raft {

void Raft::Machine::HeardFrom(NodeId id) { gone_.erase(id); }

bool Raft::Machine::IsMeantForUs(const std::optional<ReplicaKey>& voter) const {
  if (!voter.has_value()) return true;
  if (voter->id != config_.local.id) return false;
  return voter->directory_id.is_zero() || voter->directory_id == config_.local.directory_id;
}

// False if it can't be true: an epoch has one leader.
bool Raft::Machine::Learn(const KnownLeader& leader) {
  if (leader.epoch < election_.epoch) return true;
  if (leader.id == config_.local.id) {
    if (leader.epoch == election_.epoch) return leads();
    // It once led an epoch that it has forgotten. It must neither lead it again nor vote in it.
    BecomeUnattached(leader.epoch, kNoNode);
    AdoptElection({leader.epoch, kNoNode, config_.local});
    return true;
  }
  if (leader.epoch > election_.epoch) {
    if (leader.id == kNoNode) {
      BecomeUnattached(leader.epoch, kNoNode);
    } else {
      BecomeFollower(leader);
    }
    return true;
  }
  if (leader.id == kNoNode) return true;
  if (knows_leader() && election_.leader_id != leader.id) return false;
  const bool found = role_ == Role::kUnattached && !leader.endpoints.empty() && leader_endpoints_.empty();
  const bool more = !leads() && leader.endpoints.size() > leader_endpoints_.size();
  if (!knows_leader() || found || more) BecomeFollower(leader);
  return true;
}

Answered<VoteResponse> Raft::Machine::Vote(const VoteRequest& request, int64_t now_ms) {
  now_ms_ = now_ms;
  VoteResponse response = DecideVote(request);
  response.leader = Known();
  SendDue();
  return {std::move(response), Take()};
}

VoteResponse Raft::Machine::DecideVote(const VoteRequest& request) {
  VoteResponse response;
  const auto refuse = [&response](RaftError error) {
    response.error = error;
    return response;
  };
  const bool epochs_fit =
      request.pre_vote ? request.log_end.epoch <= request.epoch : request.log_end.epoch < request.epoch;
  if (request.log_end.offset < Offset(0) || request.log_end.epoch < LeaderEpoch(0) || !epochs_fit) {
    return refuse(RaftError::kInvalidRequest);
  }
  if (request.epoch < election_.epoch) return refuse(RaftError::kFencedLeaderEpoch);
  if (request.candidate.id < NodeId(0)) return refuse(RaftError::kInvalidRequest);
  HeardFrom(request.candidate.id);
  const bool newer = request.epoch > election_.epoch;
  const bool leaves = config_.rules.leave_older_epoch;
  if (newer && leaves) BecomeUnattached(request.epoch, kNoNode);
  if (!IsMeantForUs(request.voter)) return refuse(RaftError::kInvalidVoterKey);

  Electorate electorate{role_, knows_leader(), leader_heard_, election_.voted, log_end()};
  if (newer && !leaves) electorate = {Role::kUnattached, false, false, std::nullopt, log_end()};
  response.granted = GrantsVote(electorate, request, config_.rules);
  if (!response.granted) StandIfNeeded(request);
  if (!response.granted || request.pre_vote || (newer && !leaves)) return response;
  if (election_.voted != request.candidate) VoteFor(request.candidate);
  return response;
}

void Raft::Machine::StandIfNeeded(const VoteRequest& refused) {
  if (is_voter() || stopping_ || !refused.voter.has_value()) return;
  if (IsUpToDate(refused.log_end, log_end())) return;
  const bool leaderless = role_ == Role::kUnattached || (role_ == Role::kFollower && !leader_heard_);
  if (!leaderless) return;
  asked_as_voter_ = true;
  role_deadline_ms_ = std::min(role_deadline_ms_, now_ms_ + PromptDelayMs());
}

void Raft::Machine::VoteFor(const ReplicaKey& candidate) {
  // The candidate has as good a chance as this voter: let it have its time.
  role_ = Role::kUnattached;
  unanswered_.clear();
  role_deadline_ms_ = may_elect() ? now_ms_ + RandomElectionTimeoutMs() : INT64_MAX;
  election_.voted = candidate;
  if (!config_.rules.persist_votes) return;
  // Epoch and vote at one go, if the epoch is new as well: the disk is what an election waits for.
  for (Effect& effect : effects_) {
    if (auto* persist = std::get_if<PersistElection>(&effect); persist != nullptr) {
      persist->state = election_;
      return;
    }
  }
  effects_.push_back(PersistElection{election_});
}

Answered<QuorumEpochResponse> Raft::Machine::BeginQuorumEpoch(const BeginQuorumEpochRequest& request,
                                                              int64_t now_ms) {
  now_ms_ = now_ms;
  RaftError error = RaftError::kNone;
  if (request.leader.epoch < election_.epoch) {
    error = RaftError::kFencedLeaderEpoch;
  } else if (request.leader.id < NodeId(0)) {
    error = RaftError::kInvalidRequest;
  } else {
    HeardFrom(request.leader.id);
    if (!Learn(request.leader)) {
      error = RaftError::kInvalidRequest;
    } else {
      LeaderAlive();
      if (!IsMeantForUs(request.voter)) error = RaftError::kInvalidVoterKey;
    }
  }
  QuorumEpochResponse response{error, Known()};
  SendDue();
  return {std::move(response), Take()};
}

// The leader of this epoch says itself that it is there: whatever made it look lost is over.
void Raft::Machine::LeaderAlive() {
  if (role_ == Role::kProspective && knows_leader()) {
    return BecomeFollower({election_.leader_id, election_.epoch, leader_endpoints_});
  }
  if (role_ != Role::kFollower || !leader_lost_) return;
  leader_lost_ = false;
  ask_bootstrap_ = false;
  if (!stopping_) role_deadline_ms_ = now_ms_ + config_.fetch_timeout_ms;
}

Answered<QuorumEpochResponse> Raft::Machine::EndQuorumEpoch(const EndQuorumEpochRequest& request,
                                                            int64_t now_ms) {
  now_ms_ = now_ms;
  RaftError error = RaftError::kNone;
  if (request.epoch < election_.epoch) {
    error = RaftError::kFencedLeaderEpoch;
  } else if (request.leader < NodeId(0)) {
    error = RaftError::kInvalidRequest;
  } else {
    HeardFrom(request.leader);
    if (!Learn({request.leader, request.epoch, request.leader_endpoints})) error = RaftError::kInvalidRequest;
  }
  if (error == RaftError::kNone && role_ == Role::kFollower && election_.leader_id == request.leader) {
    size_t position = 0;
    while (position < request.preferred_successors.size() &&
           !IsMeantForUs(request.preferred_successors[position])) {
      ++position;
    }
    LeaderLost();
    // The best successor at once, the others the later the less they have (Kafka's strict exponential).
    const size_t count = request.preferred_successors.size();
    int64_t delay_ms = 0;
    if (position > 0) {
      const int64_t longest_ms = config_.election_backoff_max_ms;
      const size_t halvings = std::min<size_t>(count - std::min(position, count), 20);
      delay_ms = std::min(longest_ms >> halvings, static_cast<int64_t>(position) * 5 * stagger_ms());
    } else if (count == 0) {
      delay_ms = PromptDelayMs();
    }
    if (may_elect()) role_deadline_ms_ = now_ms_ + delay_ms;
  }
  QuorumEpochResponse response{error, Known()};
  SendDue();
  return {std::move(response), Take()};
}

RaftError Raft::Machine::CheckLeaderOnly(LeaderEpoch current_leader_epoch) const {
  if (current_leader_epoch < election_.epoch) return RaftError::kFencedLeaderEpoch;
  if (current_leader_epoch > election_.epoch) return RaftError::kUnknownLeaderEpoch;
  if (!leads()) return RaftError::kNotLeaderOrFollower;
  return RaftError::kNone;
}

Answered<FetchDecision> Raft::Machine::Fetch(const FetchRequest& request, int64_t now_ms) {
  now_ms_ = now_ms;
  FetchDecision decision;
  HeardFrom(request.replica.id);
  const bool epoch_fits = request.current_leader_epoch == kNoLeaderEpoch ||
                          request.last_fetched_epoch <= request.current_leader_epoch;
  if (request.fetch_offset < Offset(0) || request.last_fetched_epoch < LeaderEpoch(0) || !epoch_fits ||
      request.replica.id == config_.local.id) {
    decision.error = RaftError::kInvalidRequest;
  } else {
    decision.error = CheckLeaderOnly(request.current_leader_epoch);
  }
  if (decision.error == RaftError::kNone) {
    FetchPosition position =
        CheckFetchPosition(*config_.log, request.fetch_offset, request.last_fetched_epoch);
    if (!position.diverging.has_value() && !position.snapshot.has_value()) {
      leading_->replicas.Fetched(voters_, request.replica, request.fetch_offset, log_end().offset, now_ms);
      unanswered_.erase(request.replica.id);  // it knows who leads
      UpdateLeaderHighWatermark();
    }
    decision.diverging = position.diverging;
    decision.snapshot = position.snapshot;
    // Counting it may have committed that this node leads no more.
    if (leads() && leading_->established) decision.high_watermark = high_watermark_;
    if (!leads()) decision = {RaftError::kNotLeaderOrFollower, {}, kNoOffset, {}, {}};
  }
  decision.leader = Known();
  SendDue();
  return {std::move(decision), Take()};
}

FetchDecision Raft::Machine::FetchSnapshotAllowed(const FetchSnapshotRequest& request, int64_t now_ms) {
  FetchDecision decision;
  HeardFrom(request.replica.id);
  decision.error = CheckLeaderOnly(request.current_leader_epoch);
  if (decision.error == RaftError::kNone) {
    leading_->replicas.Heard(voters_, request.replica, now_ms);
    if (leading_->established) decision.high_watermark = high_watermark_;
  }
  decision.leader = Known();
  return decision;
}

}  // namespace dohle::raft
