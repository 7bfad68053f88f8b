// What others answer.
#include <algorithm>

#include "broker/raft/divergence.h"
#include "broker/raft/machine.h"

namespace dohle::raft {

bool Raft::Machine::Consider(NodeId from, RaftError error, const KnownLeader& leader) {
  HeardFrom(from);
  if (leader.epoch < election_.epoch || error == RaftError::kUnknownLeaderEpoch) return false;
  if (leader.epoch > election_.epoch || error == RaftError::kFencedLeaderEpoch ||
      error == RaftError::kNotLeaderOrFollower) {
    const bool followed = role_ == Role::kFollower && leader.epoch == election_.epoch &&
                          from == election_.leader_id && error == RaftError::kNotLeaderOrFollower;
    if (followed) {
      // It led this epoch and says that it doesn't: it has resigned, or was started again.
      if (!leader_lost_) LeaderLost();
    } else if (Learn(leader) && leader.id != kNoNode && !leader_lost_) {
      ask_bootstrap_ = false;  // it was asked
    }
    return false;
  }
  if (!Learn(leader)) return false;
  if (leader.id != kNoNode && !leader_lost_) ask_bootstrap_ = false;
  return error == RaftError::kNone;
}

void Raft::Machine::On(const VoteAnswered& answered) {
  const VoteRequest& asked = answered.request;
  const auto still_asking = [&] {
    return asked.epoch == election_.epoch &&
           role_ == (asked.pre_vote ? Role::kProspective : Role::kCandidate);
  };
  const RaftError error = answered.response.error;
  if (error == RaftError::kUnsupportedVersion) {
    // A voter before KIP-996; Kafka goes on without pre-votes then.
    HeardFrom(answered.from.id);
    if (asked.pre_vote && still_asking()) BecomeCandidate();
    return;
  }
  const bool fine = Consider(answered.from.id, error, answered.response.leader);
  const bool granted = fine && answered.response.granted;
  // A leader refuses; one that has resigned and still names itself, as Kafka's do, doesn't.
  if (fine && !granted && answered.from.id == answered.response.leader.id) LeaderAlive();
  if (!still_asking() || (!fine && error != RaftError::kInvalidVoterKey)) {
    // It isn't the one that the voters' record means, or couldn't say: perhaps later.
    if (still_asking()) On(RequestFailed{answered.from.id});
    return;
  }
  unanswered_.erase(answered.from.id);
  ballot_.Record(answered.from.id, granted);
  GoOnIfDecided();
}

void Raft::Machine::On(const BeginQuorumEpochAnswered& answered) {
  const RaftError error = answered.response.error;
  const bool fine = Consider(answered.from.id, error, answered.response.leader);
  if (!leads()) return;
  // A directory that isn't the voter's won't become it by asking again at once: the timer does.
  if (fine || error == RaftError::kInvalidVoterKey || error == RaftError::kUnsupportedVersion) {
    unanswered_.erase(answered.from.id);
  } else {
    On(RequestFailed{answered.from.id});
  }
}

void Raft::Machine::On(const EndQuorumEpochAnswered& answered) {
  (void)Consider(answered.from.id, answered.response.error, answered.response.leader);
  // Whatever it says, it has been told.
  if (role_ == Role::kResigned) unanswered_.erase(answered.from.id);
}

void Raft::Machine::On(const FetchAnswered& answered) {
  const FetchResponse& response = answered.response;
  if (!Consider(answered.from, response.error, response.leader)) return;
  // Only the leader answers without an error, but a node that didn't know may have heard of it just now.
  if (role_ != Role::kFollower || response.leader.id != election_.leader_id) return;
  if (response.snapshot.has_value()) {
    if (response.snapshot->offset < Offset(0) || response.snapshot->epoch < LeaderEpoch(0)) return;
    snapshot_end_ = response.snapshot->offset;
    effects_.push_back(raft::FetchSnapshot{*response.snapshot});
  } else if (response.diverging.has_value()) {
    const Offset offset = TruncationOffset(*config_.log, *response.diverging);
    const std::optional<OffsetAndEpoch> snapshot = config_.log->LatestSnapshot();
    const Offset committed = std::max(high_watermark_, snapshot.has_value() ? snapshot->offset : Offset(0));
    // What is committed isn't cut, whoever says so; such a leader isn't followed for long.
    if (offset < committed || offset >= log_end().offset) return;
    leader_high_watermark_ = kNoOffset;
    effects_.push_back(TruncateTo{offset});
  } else {
    effects_.push_back(AcceptRecords{});
    leader_high_watermark_ = std::max(leader_high_watermark_, response.high_watermark);
    UpdateFollowerHighWatermark();
  }
  leader_heard_ = true;
  leader_lost_ = false;
  ask_bootstrap_ = false;
  attempts_ = 0;
  if (!stopping_) role_deadline_ms_ = now_ms_ + config_.fetch_timeout_ms;
}

void Raft::Machine::On(const FetchSnapshotAnswered& answered) {
  if (!Consider(answered.from, answered.error, answered.leader) &&
      answered.error != RaftError::kSnapshotNotFound) {
    return;
  }
  if (role_ != Role::kFollower || answered.from != election_.leader_id) return;
  if (answered.error != RaftError::kNone) snapshot_end_ = kNoOffset;
  leader_heard_ = true;
  if (!stopping_) role_deadline_ms_ = now_ms_ + config_.fetch_timeout_ms;
}

}  // namespace dohle::raft
