// The decisions of an election: who may be granted a vote (KIP-595, KIP-996), and how it stands. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "broker/raft/messages.h"
#include "broker/raft/rules.h"
#include "broker/raft/types.h"

namespace dohle::raft {

enum class Role : uint8_t { kUnattached, kProspective, kCandidate, kLeader, kResigned, kFollower };

// What the one who is asked knows, in the epoch of the request.
struct Electorate {
  Role role = Role::kUnattached;
  bool leader_known = false;
  // Follower: nothing says yet that the leader isn't there any more.
  bool leader_heard = false;
  std::optional<ReplicaKey> voted;
  OffsetAndEpoch log_end;
};

bool GrantsVote(const Electorate& electorate, const VoteRequest& request, const RaftRules& rules);

// Whether a log that ends at `log_end` holds all that one which ends at `other` holds, as far as committed.
bool IsUpToDate(const OffsetAndEpoch& log_end, const OffsetAndEpoch& other);

// The votes of one election, pre-vote or not.
class Ballot {
 public:
  void Begin(NodeId self);
  // The first answer of a voter counts; that there will be none is a refusal.
  void Record(NodeId voter, bool granted);
  bool IsWon(const VoterSet& voters, size_t needed) const;
  // Even if all who haven't answered granted it.
  bool IsLost(const VoterSet& voters, size_t needed) const;
  std::vector<NodeId> granting() const { return {granted_.begin(), granted_.end()}; }

 private:
  std::set<NodeId> granted_;
  std::set<NodeId> rejected_;
};

}  // namespace dohle::raft
