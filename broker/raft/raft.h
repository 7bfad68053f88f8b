// Raft: the KRaft quorum as a pure state machine (KIP-595; KIP-853: voters change; KIP-996: pre-vote). Every
// input changes the state and returns what the driver has to do, in order: persist, send, append, truncate.
// It touches no clock, disk or network; chance comes from a seed.
//
// Roles, for voters and observers alike, as in Kafka's QuorumState:
//   unattached   knows the epoch, maybe whom it voted for, no leader
//   prospective  a voter that asks who would vote for it (pre-vote)
//   candidate    a voter that asks for votes in an epoch of its own
//   leader       until it resigns, loses its majority or hears of a newer epoch
//   resigned     was the leader of the epoch and leads no more; tells so
//   follower     of a known leader; fetches from it
//
// The driver holds to this order: effects are performed as they come, PersistElection on the disk before what
// follows it; an answer leaves only after the effects that came with it; a follower's records are on the disk
// (Flushed) before the next fetch, since the fetch offset is what acknowledges them.
//
// Not thread-safe: belongs to the lane of the metadata log. Times are monotonic milliseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "broker/raft/election.h"
#include "broker/raft/log_view.h"
#include "broker/raft/messages.h"
#include "broker/raft/replicas.h"
#include "broker/raft/rules.h"
#include "broker/raft/types.h"

namespace dohle::raft {

// ---- inputs

// The log has been recovered. Once, first.
struct Started {};
// deadline_ms() has come.
struct TimePassed {};
// Records were appended, by us as the leader or fetched from it; they may not be on disk yet.
struct Appended {
  OffsetAndEpoch log_end;
};
// Everything below `offset` is on disk.
struct Flushed {
  Offset offset;
};
// The log was cut as TruncateTo asked, or replaced by a snapshot that was fetched.
struct Truncated {
  OffsetAndEpoch log_end;
};
// What the log says of voters has changed: a record was appended, truncated, or came with a snapshot.
struct VotersChanged {
  VoterSet voters;
  // Where the record stands that says so; kNoOffset if it comes from a snapshot or the configuration.
  Offset offset = kNoOffset;
};
// Answers to what was sent. `request` is what they answer. kUnsupportedVersion: a voter before KIP-996, which
// knows no pre-vote.
struct VoteAnswered {
  ReplicaKey from;
  VoteRequest request;
  VoteResponse response;
};
struct BeginQuorumEpochAnswered {
  ReplicaKey from;
  QuorumEpochResponse response;
};
struct EndQuorumEpochAnswered {
  ReplicaKey from;
  QuorumEpochResponse response;
};
// Of the fetch loop; the records, if any, only once AcceptRecords says so. `from` is kNoNode if a bootstrap
// server was asked whose id isn't known. Not told if the log no longer ends where the fetch began.
struct FetchAnswered {
  NodeId from;
  FetchResponse response;
};
// Another piece of the snapshot that FetchSnapshot asked for has come, or an error in its place: the leader
// is alive as long as they come.
struct FetchSnapshotAnswered {
  NodeId from;
  RaftError error = RaftError::kNone;
  KnownLeader leader;
};
// A request failed or wasn't answered in time: it may be sent again after a pause.
struct RequestFailed {
  NodeId to;
};
// The process behind that node is known to be gone: its connections were reset and new ones are refused.
// A follower needn't wait for its fetch time-out then.
struct PeerGone {
  NodeId id;
};
// This node is about to stop: a leader hands over (EndQuorumEpoch) and leads no more.
struct Resign {};

using Input = std::variant<Started, TimePassed, Appended, Flushed, Truncated, VotersChanged, VoteAnswered,
                           BeginQuorumEpochAnswered, EndQuorumEpochAnswered, FetchAnswered,
                           FetchSnapshotAnswered, RequestFailed, PeerGone, Resign>;

// ---- effects

// Write `quorum-state` and sync it before any later effect is performed.
struct PersistElection {
  ElectionState state;
};
// This node leads `epoch` from here on; AppendLeaderChange follows.
struct BecomeLeader {
  LeaderEpoch epoch;
};
// Not this node: `leader` leads `epoch`, or nobody that is known (kNoNode). Whoever waits for a write that
// isn't committed is told that it may or may not be.
struct LeaderChanged {
  NodeId leader;
  LeaderEpoch epoch;
};
// Append a control batch with LeaderChange to the log in `epoch`; with KRaftVersion and KRaftVoters after it
// if the log itself doesn't hold them as voters() has them: the first leader of a formatted cluster, or one
// whose own endpoints are others than before (KIP-853). Then tell VotersChanged if so, Appended, Flushed.
struct AppendLeaderChange {
  LeaderEpoch epoch;
  std::vector<NodeId> voters;
  std::vector<NodeId> granting_voters;
  bool with_voters = false;
};
// Append a control batch with KRaftVoters, then tell VotersChanged.
struct AppendVoters {
  VoterSet voters;
};
// Records below `offset` are committed.
struct AdvanceHighWatermark {
  Offset offset;
};
// Send to a voter; its endpoint is in voters().
struct SendVote {
  ReplicaKey to;
  VoteRequest request;
};
struct SendBeginQuorumEpoch {
  ReplicaKey to;
  BeginQuorumEpochRequest request;
};
struct SendEndQuorumEpoch {
  ReplicaKey to;
  EndQuorumEpochRequest request;
};
// Of the fetch that was just answered: append the records that it brought, then tell Appended and Flushed.
struct AcceptRecords {};
// Cut the log there (never below the high watermark), then tell Truncated, and VotersChanged if a record of
// voters went with it.
struct TruncateTo {
  Offset offset;
};
// Fetch that snapshot from the leader and begin the log anew behind it; then Truncated, VotersChanged.
struct FetchSnapshot {
  OffsetAndEpoch id;
};
// A change of voters that AddVoter, RemoveVoter or UpdateVoter began is over: committed, or given up because
// this node leads no more.
struct VoterChangeDone {
  RaftError error = RaftError::kNone;
};
using Effect = std::variant<PersistElection, BecomeLeader, LeaderChanged, AppendLeaderChange, AppendVoters,
                            AdvanceHighWatermark, SendVote, SendBeginQuorumEpoch, SendEndQuorumEpoch,
                            AcceptRecords, TruncateTo, FetchSnapshot, VoterChangeDone>;
using Effects = std::vector<Effect>;

template <typename Response>
struct Answered {
  Response response;
  Effects effects;  // to be performed before the answer leaves
};

struct RaftConfig {
  ReplicaKey local;
  VoterSet voters;
  bool voters_in_log = true;  // false: they come from the snapshot that `storage format` wrote
  int16_t kraft_version = 1;  // 0: static voters, which never change
  ElectionState persisted;
  std::vector<VoterEndpoint> local_endpoints;  // as a controller; empty for an observer
  const LogView* log = nullptr;                // outlives the machine
  uint64_t random_seed = 0;
  int64_t election_timeout_ms = 1000;      // controller.quorum.election.timeout.ms
  int64_t election_backoff_max_ms = 1000;  // controller.quorum.election.backoff.max.ms
  int64_t fetch_timeout_ms = 2000;         // controller.quorum.fetch.timeout.ms
  int64_t request_timeout_ms = 2000;       // controller.quorum.request.timeout.ms
  int64_t retry_backoff_ms = 20;           // controller.quorum.retry.backoff.ms
  RaftRules rules;                         // for tests
};

class Raft {
 public:
  // kFailedPrecondition if the persisted epoch is behind the log.
  static StatusOr<Raft> Create(RaftConfig config);
  Raft(Raft&& other) noexcept;
  Raft& operator=(Raft&& other) noexcept;
  ~Raft();

  Effects Step(const Input& input, int64_t now_ms);

  // ---- requests of others. Who leads and fetches is the leader's measure of its majority (check-quorum).
  Answered<VoteResponse> Vote(const VoteRequest& request, int64_t now_ms);
  Answered<QuorumEpochResponse> BeginQuorumEpoch(const BeginQuorumEpochRequest& request, int64_t now_ms);
  Answered<QuorumEpochResponse> EndQuorumEpoch(const EndQuorumEpochRequest& request, int64_t now_ms);
  Answered<FetchDecision> Fetch(const FetchRequest& request, int64_t now_ms);
  // Whether that snapshot may be read here; it also counts as a sign of life of the replica.
  FetchDecision FetchSnapshotAllowed(const FetchSnapshotRequest& request, int64_t now_ms);

  // ---- changes of voters (KIP-853), one at a time. With kNone the change has begun, and VoterChangeDone
  // ends it; otherwise nothing was done. The driver has checked that the new voter can be reached.
  Answered<RaftError> AddVoter(const Voter& voter, int64_t now_ms);
  Answered<RaftError> RemoveVoter(const ReplicaKey& voter, int64_t now_ms);
  Answered<RaftError> UpdateVoter(const Voter& voter, int64_t now_ms);

  // When TimePassed is due; INT64_MAX: never.
  int64_t deadline_ms() const;
  // From whom to fetch now.
  struct FetchTarget {
    enum class Kind : uint8_t { kNobody, kLeader, kBootstrapServer };  // the last: to learn who leads
    Kind kind = Kind::kNobody;
    NodeId leader = kNoNode;
    LeaderEpoch epoch{0};
    std::vector<VoterEndpoint> endpoints;  // of the leader

    friend bool operator==(const FetchTarget&, const FetchTarget&) = default;
  };
  FetchTarget fetch_target() const;

  Role role() const;
  bool is_leader() const { return role() == Role::kLeader; }
  bool is_voter() const;
  LeaderEpoch epoch() const;
  NodeId leader_id() const;  // kNoNode: nobody that is known
  // Where the current leader's epoch begins; meaningful for the leader.
  Offset epoch_start_offset() const;
  Offset high_watermark() const;  // kNoOffset until one is known
  const VoterSet& voters() const;
  const ElectionState& election() const;
  // As the leader knows them; empty if not leader.
  std::vector<ReplicaProgress> Voters(int64_t now_ms) const;
  std::vector<ReplicaProgress> Observers(int64_t now_ms) const;

 private:
  class Machine;
  explicit Raft(std::unique_ptr<Machine> machine);
  std::unique_ptr<Machine> machine_;
};

}  // namespace dohle::raft
