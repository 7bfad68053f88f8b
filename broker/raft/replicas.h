// What a leader knows of those who fetch from it: how far each of them is, and whether a majority of the
// voters is still there (check-quorum). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "broker/raft/types.h"

namespace dohle::raft {

// What DescribeQuorum (KIP-836) says of one replica.
struct ReplicaProgress {
  ReplicaKey key;
  std::optional<Offset> log_end_offset;
  int64_t last_fetch_ms = -1;  // monotonic; -1: never
  int64_t last_caught_up_ms = -1;
};

class Replicas {
 public:
  // `timeout_ms`: how long a majority may be silent.
  Replicas(ReplicaKey local, int64_t timeout_ms, int64_t now_ms);

  // `key` has asked for what is at `offset`, so it has all before; the log ends at `leader_end`.
  void Fetched(const VoterSet& voters, const ReplicaKey& key, Offset offset, Offset leader_end,
               int64_t now_ms);
  // A sign of life of a replica that says nothing of how far it is.
  void Heard(const VoterSet& voters, const ReplicaKey& key, int64_t now_ms);
  // The leader was the only voter, so that nobody was missed, and isn't any more.
  void ExpectMajority(int64_t now_ms);

  // Up to where `needed` of the voters have the log; kNoOffset if that isn't known. `local_end` counts if
  // the leader is a voter.
  Offset ReplicatedTo(const VoterSet& voters, size_t needed, Offset local_end) const;
  // An observer that has been at the end of the log, and isn't away for long since.
  bool IsCaughtUpObserver(const VoterSet& voters, const ReplicaKey& key, int64_t now_ms) const;
  // When the majority counts as lost; INT64_MAX if the leader is all of it.
  int64_t majority_deadline_ms(const VoterSet& voters) const;
  int64_t LastFetchMs(const VoterSet& voters, const ReplicaKey& voter) const;

  // The other voters, the furthest first: who should lead next.
  std::vector<ReplicaKey> Successors(const VoterSet& voters) const;
  std::vector<ReplicaProgress> DescribeVoters(const VoterSet& voters, Offset log_end, int64_t now_ms) const;
  std::vector<ReplicaProgress> DescribeObservers(const VoterSet& voters, int64_t now_ms) const;
  // Observers that haven't been seen for long.
  void ForgetSilent(const VoterSet& voters, int64_t now_ms);

 private:
  struct Progress {
    Offset end;
    int64_t last_fetch_ms = -1;
    int64_t last_caught_up_ms = -1;
    Offset leader_end_then = kNoOffset;
  };

  const Progress* Find(const ReplicaKey& key) const;
  void CountForMajority(const VoterSet& voters, const ReplicaKey& key, int64_t now_ms);

  ReplicaKey local_;
  int64_t timeout_ms_;
  int64_t majority_deadline_ms_;
  std::set<NodeId> heard_;  // voters, since the majority was last seen
  std::map<ReplicaKey, Progress> progress_;
};

}  // namespace dohle::raft
