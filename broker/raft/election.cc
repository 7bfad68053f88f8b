#include "broker/raft/election.h"

namespace dohle::raft {
namespace {

bool IsVoteFor(const ReplicaKey& voted, const ReplicaKey& candidate) {
  return voted.id == candidate.id &&
         (voted.directory_id.is_zero() || voted.directory_id == candidate.directory_id);
}

bool GrantsPreVote(const Electorate& electorate, bool up_to_date) {
  switch (electorate.role) {
    case Role::kLeader:
      return false;
    case Role::kFollower:
      return !electorate.leader_heard && up_to_date;
    case Role::kUnattached:
    case Role::kProspective:
    case Role::kCandidate:
    case Role::kResigned:
      return up_to_date;
  }
  return false;
}

}  // namespace

bool IsUpToDate(const OffsetAndEpoch& log_end, const OffsetAndEpoch& other) {
  if (log_end.epoch != other.epoch) return log_end.epoch > other.epoch;
  return log_end.offset >= other.offset;
}

bool GrantsVote(const Electorate& electorate, const VoteRequest& request, const RaftRules& rules) {
  const bool up_to_date = !rules.log_up_to_date || IsUpToDate(request.log_end, electorate.log_end);
  if (request.pre_vote) return GrantsPreVote(electorate, up_to_date);
  const bool may_vote = electorate.role == Role::kUnattached || electorate.role == Role::kProspective;
  if (!rules.one_vote_an_epoch) {
    return up_to_date && electorate.role != Role::kLeader && electorate.role != Role::kResigned;
  }
  if (!may_vote) return false;
  // A vote that was given is repeated, but only for a log as good as it was then: the candidate may have
  // stopped in between and lost the end of it.
  if (electorate.voted.has_value()) return up_to_date && IsVoteFor(*electorate.voted, request.candidate);
  return !electorate.leader_known && up_to_date;
}

void Ballot::Begin(NodeId self) {
  granted_ = {self};
  rejected_.clear();
}

void Ballot::Record(NodeId voter, bool granted) {
  if (granted_.contains(voter) || rejected_.contains(voter)) return;
  (granted ? granted_ : rejected_).insert(voter);
}

bool Ballot::IsWon(const VoterSet& voters, size_t needed) const {
  size_t votes = 0;
  for (const Voter& voter : voters.voters) votes += granted_.contains(voter.key.id) ? 1 : 0;
  return votes >= needed;
}

bool Ballot::IsLost(const VoterSet& voters, size_t needed) const {
  size_t possible = 0;
  for (const Voter& voter : voters.voters) {
    possible += rejected_.contains(voter.key.id) ? 0 : 1;
  }
  return possible < needed;
}

}  // namespace dohle::raft
