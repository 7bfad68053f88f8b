// What is behind Raft: the state of one replica of the quorum and the transitions between its roles. Private
// to this folder. By file: machine.cc input and timers, machine_roles.cc transitions, machine_requests.cc
// what others ask, machine_answers.cc what they answer, machine_voters.cc changes of voters.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "broker/raft/chance.h"
#include "broker/raft/raft.h"

namespace dohle::raft {

class Raft::Machine {
 public:
  explicit Machine(RaftConfig config);

  Effects Step(const Input& input, int64_t now_ms);
  Answered<VoteResponse> Vote(const VoteRequest& request, int64_t now_ms);
  Answered<QuorumEpochResponse> BeginQuorumEpoch(const BeginQuorumEpochRequest& request, int64_t now_ms);
  Answered<QuorumEpochResponse> EndQuorumEpoch(const EndQuorumEpochRequest& request, int64_t now_ms);
  Answered<FetchDecision> Fetch(const FetchRequest& request, int64_t now_ms);
  FetchDecision FetchSnapshotAllowed(const FetchSnapshotRequest& request, int64_t now_ms);
  Answered<RaftError> AddVoter(const Voter& voter, int64_t now_ms);
  Answered<RaftError> RemoveVoter(const ReplicaKey& voter, int64_t now_ms);
  Answered<RaftError> UpdateVoter(const Voter& voter, int64_t now_ms);

  int64_t deadline_ms() const;
  FetchTarget fetch_target() const;
  Role role() const { return role_; }
  bool is_voter() const { return voters_.Contains(config_.local); }
  LeaderEpoch epoch() const { return election_.epoch; }
  NodeId leader_id() const { return role_ == Role::kResigned ? kNoNode : election_.leader_id; }
  Offset epoch_start_offset() const { return leading_.has_value() ? leading_->epoch_start : kNoOffset; }
  Offset high_watermark() const { return high_watermark_; }
  const VoterSet& voters() const { return voters_; }
  const ElectionState& election() const { return election_; }
  std::vector<ReplicaProgress> DescribeVoters(int64_t now_ms) const;
  std::vector<ReplicaProgress> DescribeObservers(int64_t now_ms) const;

 private:
  struct Leading {
    Offset epoch_start;
    Replicas replicas;
    int64_t begin_quorum_ms = 0;  // when silent voters are told again who leads
    // A record of this epoch is committed, and with it all before; nothing is told of the high watermark
    // earlier, since an older leader may have told a larger one.
    bool established = false;
  };
  // A request that has to reach a voter: Vote, BeginQuorumEpoch or EndQuorumEpoch, as the role says.
  struct Unanswered {
    int failures = 0;
    int64_t due_ms = 0;  // INT64_MAX: under way
  };
  struct PendingChange {
    Offset offset = kNoOffset;  // of the record; not known until the driver has appended it
    int64_t deadline_ms = 0;
  };

  Effects Take() { return std::exchange(effects_, {}); }
  bool leads() const { return role_ == Role::kLeader; }
  bool knows_leader() const { return election_.leader_id != kNoNode; }
  bool may_elect() const { return (is_voter() || asked_as_voter_) && !stopping_; }
  size_t needed() const;
  OffsetAndEpoch log_end() const { return config_.log->End(); }
  KnownLeader Known() const;
  const std::vector<VoterEndpoint>& EndpointsOf(NodeId id) const;

  // ---- inputs (machine.cc)
  void Start();
  void OnTimePassed();
  void OnLeaderTime();
  void On(const Appended& appended);
  void On(const Flushed& flushed);
  void On(const Truncated& truncated);
  void On(const VotersChanged& changed);
  void On(const RequestFailed& failed);
  void On(const PeerGone& gone);
  void OnResign();
  void SendDue();
  void Send(const ReplicaKey& to);
  void SendToAll();

  // ---- transitions (machine_roles.cc)
  void BecomeUnattached(LeaderEpoch epoch, NodeId leader);
  void BecomeFollower(const KnownLeader& leader);
  void BecomeProspective();
  void BecomeCandidate();
  void BecomeLeader();
  void BecomeResigned(std::vector<ReplicaKey> successors);
  void LeaveLeading();
  void GoOnIfDecided();
  void LosePreVote();
  void LeaderLost();
  void AdoptElection(ElectionState election);
  void ReportLeader();
  void AdvanceTo(Offset offset);
  void UpdateLeaderHighWatermark();
  void UpdateFollowerHighWatermark();
  int64_t RandomElectionTimeoutMs();
  int64_t stagger_ms() const;
  int64_t PromptDelayMs();
  int64_t BackoffMs();

  // ---- requests (machine_requests.cc)
  RaftError CheckLeaderOnly(LeaderEpoch current_leader_epoch) const;
  bool IsMeantForUs(const std::optional<ReplicaKey>& voter) const;
  void HeardFrom(NodeId id);
  bool Learn(const KnownLeader& leader);
  VoteResponse DecideVote(const VoteRequest& request);
  void VoteFor(const ReplicaKey& candidate);
  void StandIfNeeded(const VoteRequest& refused);

  // ---- answers (machine_answers.cc)
  // Whether the answer still matters to the one who asked: false if it is of another epoch, has changed ours
  // or is an error.
  bool Consider(NodeId from, RaftError error, const KnownLeader& leader);
  void On(const VoteAnswered& answered);
  void On(const BeginQuorumEpochAnswered& answered);
  void On(const EndQuorumEpochAnswered& answered);
  void On(const FetchAnswered& answered);
  void On(const FetchSnapshotAnswered& answered);
  void LeaderAlive();

  // ---- voters (machine_voters.cc)
  RaftError CheckVoterChange();
  Answered<RaftError> Change(VoterSet voters);
  void EndChange(RaftError error);
  void OnCommitted();

  RaftConfig config_;
  VoterSet voters_;
  bool voters_in_log_;
  Offset voters_offset_ = kNoOffset;  // of the record that says so, if it isn't committed for certain

  Role role_ = Role::kUnattached;
  ElectionState election_;
  std::vector<VoterEndpoint> leader_endpoints_;
  // The end of the role's patience: election time-out, fetch time-out.
  int64_t role_deadline_ms_ = INT64_MAX;
  int attempts_ = 0;  // elections lost since a leader was followed
  // Whoever led is known to lead no more, so the next leader needn't wait for time-outs.
  bool leader_lost_ = false;
  bool leader_heard_ = false;   // follower: a fetch has succeeded
  bool ask_bootstrap_ = false;  // follower: fetch from somebody else, to learn who leads
  bool stopping_ = false;
  // By its own log it is no voter any more, but others, who don't have that record, can't elect anybody
  // without it, as its log is ahead of theirs: it stands itself (Ongaro's dissertation, section 4.2.2).
  bool asked_as_voter_ = false;
  std::set<NodeId> gone_;  // processes that are known to be dead
  Ballot ballot_;
  std::map<NodeId, Unanswered> unanswered_;
  std::vector<ReplicaKey> successors_;  // resigned: who should lead next
  std::optional<Leading> leading_;
  std::optional<PendingChange> change_;

  Offset flushed_{0};
  Offset high_watermark_ = kNoOffset;
  Offset leader_high_watermark_ = kNoOffset;  // as the leader that is followed told it
  Offset snapshot_end_ = kNoOffset;           // of the snapshot that is being fetched
  std::pair<NodeId, LeaderEpoch> reported_{kNoNode, LeaderEpoch(0)};

  Chance chance_;
  int64_t now_ms_ = 0;
  Effects effects_;
};

}  // namespace dohle::raft
