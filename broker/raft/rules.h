// The rules that make Raft safe, one by one, so that tests can show what each of them is for: with any of
// them off the simulation loses records (raft_simulation_test.cc). Nothing but a test turns one off.
#pragma once

namespace dohle::raft {

struct RaftRules {
  bool persist_votes = true;           // a vote is on the disk before it is given
  bool log_up_to_date = true;          // no vote for a candidate whose log is behind one's own
  bool commit_own_epoch = true;        // replicas are counted only for records of the leader's own epoch
  bool one_vote_an_epoch = true;       // who has voted in an epoch votes for nobody else in it
  bool majority = true;                // more than half of the voters elect and commit; off: half of them
  bool leave_older_epoch = true;       // who votes in a newer epoch follows no leader of an older one
  bool one_change_at_a_time = true;    // no change of voters before the one before it is committed
  bool count_own_flushed_only = true;  // the leader counts its own records only once they are on the disk
};

}  // namespace dohle::raft
