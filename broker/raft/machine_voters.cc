// Changes of voters (KIP-853): the newest voters count as soon as their record is in the log, and the next
// change waits until that record is committed.
#include <algorithm>

#include "broker/raft/machine.h"

namespace dohle::raft {

// As Kafka's AddVoterHandler, RemoveVoterHandler and UpdateVoterHandler, in their order.
RaftError Raft::Machine::CheckVoterChange() {
  if (!leads()) return RaftError::kNotLeaderOrFollower;
  const bool one_at_a_time = config_.rules.one_change_at_a_time;
  if (change_.has_value() && now_ms_ >= change_->deadline_ms) EndChange(RaftError::kRequestTimedOut);
  if (change_.has_value() && one_at_a_time) return RaftError::kRequestTimedOut;
  // Before that, an older leader's change may be in the log of others.
  if (!leading_->established && one_at_a_time) return RaftError::kRequestTimedOut;
  if (config_.kraft_version < 1) return RaftError::kUnsupportedVersion;
  if (voters_offset_ >= high_watermark_ && voters_offset_ != kNoOffset && one_at_a_time) {
    return RaftError::kRequestTimedOut;
  }
  return RaftError::kNone;
}

Answered<RaftError> Raft::Machine::Change(VoterSet voters) {
  std::sort(voters.voters.begin(), voters.voters.end(),
            [](const Voter& a, const Voter& b) { return a.key < b.key; });
  change_ = PendingChange{kNoOffset, now_ms_ + config_.request_timeout_ms};
  effects_.push_back(AppendVoters{std::move(voters)});
  return {RaftError::kNone, Take()};
}

Answered<RaftError> Raft::Machine::AddVoter(const Voter& voter, int64_t now_ms) {
  now_ms_ = now_ms;
  if (const RaftError error = CheckVoterChange(); error != RaftError::kNone) return {error, Take()};
  if (voters_.Find(voter.key.id) != nullptr) return {RaftError::kDuplicateVoter, Take()};
  if (voter.key.directory_id.is_zero() || voter.endpoints.empty() ||
      voter.min_kraft_version > config_.kraft_version || voter.max_kraft_version < config_.kraft_version) {
    return {RaftError::kInvalidRequest, Take()};
  }
  // A voter that is behind would hold up all commits until it isn't.
  if (!leading_->replicas.IsCaughtUpObserver(voters_, voter.key, now_ms)) {
    return {RaftError::kRequestTimedOut, Take()};
  }
  VoterSet changed = voters_;
  changed.voters.push_back(voter);
  return Change(std::move(changed));
}

Answered<RaftError> Raft::Machine::RemoveVoter(const ReplicaKey& voter, int64_t now_ms) {
  now_ms_ = now_ms;
  if (const RaftError error = CheckVoterChange(); error != RaftError::kNone) return {error, Take()};
  VoterSet changed = voters_;
  const size_t removed = std::erase_if(changed.voters, [&](const Voter& v) { return v.key == voter; });
  if (removed == 0) return {RaftError::kVoterNotFound, Take()};
  // Nobody could ever elect a leader again.
  if (changed.voters.empty()) return {RaftError::kInvalidRequest, Take()};
  return Change(std::move(changed));
}

Answered<RaftError> Raft::Machine::UpdateVoter(const Voter& voter, int64_t now_ms) {
  now_ms_ = now_ms;
  const RaftError error = CheckVoterChange();
  if (error == RaftError::kUnsupportedVersion) {
    // Static voters tell the leader what they support (KAFKA-16538); there is nothing to be written.
    effects_.push_back(VoterChangeDone{RaftError::kNone});
    return {RaftError::kNone, Take()};
  }
  if (error != RaftError::kNone) return {error, Take()};
  if (voter.endpoints.empty() || voter.min_kraft_version > config_.kraft_version ||
      voter.max_kraft_version < config_.kraft_version) {
    return {RaftError::kInvalidRequest, Take()};
  }
  VoterSet changed = voters_;
  const auto found = std::find_if(changed.voters.begin(), changed.voters.end(),
                                  [&](const Voter& v) { return v.key == voter.key; });
  if (found == changed.voters.end()) return {RaftError::kVoterNotFound, Take()};
  *found = voter;
  return Change(std::move(changed));
}

void Raft::Machine::EndChange(RaftError error) {
  if (!change_.has_value()) return;
  change_.reset();
  effects_.push_back(VoterChangeDone{error});
}

void Raft::Machine::OnCommitted() {
  if (change_.has_value() && change_->offset != kNoOffset && high_watermark_ > change_->offset) {
    EndChange(RaftError::kNone);
  }
  // Removed, and a majority without this node knows it.
  const bool committed = voters_offset_ == kNoOffset || high_watermark_ > voters_offset_;
  const bool removed = !is_voter() && leading_->established && committed;
  if (removed && leads()) BecomeResigned(leading_->replicas.Successors(voters_));
}

}  // namespace dohle::raft
