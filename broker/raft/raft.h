// Raft: the KRaft quorum as a pure state machine (KIP-595). Step(input) changes the state and returns what
// the driver has to do, in order: persist, append, publish. It touches no clock, disk or network.
//
// What it can: a quorum of one voter. It then elects itself as soon as it starts, and the high watermark is
// the end of the log that is on disk. A larger voter set is refused by Create, so nothing here pretends;
// Vote, BeginQuorumEpoch, EndQuorumEpoch and Fetch become further alternatives of Input, and Send one of
// Effect.
//
// Not thread-safe: belongs to the lane of the metadata log.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "broker/raft/types.h"

namespace dohle::raft {

// ---- inputs

// The log has been recovered. Once, first.
struct Started {
  int64_t now_ms = 0;
};
// Records were appended by us as the leader; they may not be on disk yet.
struct Appended {
  OffsetAndEpoch log_end;
};
// Everything below `offset` is on disk.
struct Flushed {
  Offset offset;
  int64_t now_ms = 0;
};
// The voters changed: a KRaftVoters record was appended.
struct VotersChanged {
  VoterSet voters;
};
using Input = std::variant<Started, Appended, Flushed, VotersChanged>;

// ---- effects

// Write `quorum-state` and sync it before any later effect is performed.
struct PersistElection {
  ElectionState state;
};
// This node leads `epoch` from here on.
struct BecomeLeader {
  LeaderEpoch epoch;
};
// Append a control batch with LeaderChange to the log in `epoch`; with KRaftVersion and KRaftVoters after it
// if the log itself doesn't hold them yet (the first leader of a formatted cluster, KIP-853).
struct AppendLeaderChange {
  LeaderEpoch epoch;
  std::vector<NodeId> voters;
  std::vector<NodeId> granting_voters;
  bool with_voters = false;
};
// Records below `offset` are committed.
struct AdvanceHighWatermark {
  Offset offset;
};
using Effect = std::variant<PersistElection, BecomeLeader, AppendLeaderChange, AdvanceHighWatermark>;
using Effects = std::vector<Effect>;

enum class Role { kUnattached, kCandidate, kLeader };

// What DescribeQuorum (KIP-836) says of one replica.
struct ReplicaProgress {
  ReplicaKey key;
  std::optional<Offset> log_end_offset;
  int64_t last_fetch_ms = -1;
  int64_t last_caught_up_ms = -1;
};

struct RaftConfig {
  ReplicaKey local;
  VoterSet voters;
  bool voters_in_log = true;  // false: they come from the snapshot that `storage format` wrote
  ElectionState persisted;
  OffsetAndEpoch log_end;
};

class Raft {
 public:
  // kUnimplemented for a voter set other than {local}, kFailedPrecondition if the persisted epoch is behind
  // the log.
  static StatusOr<Raft> Create(RaftConfig config);

  Effects Step(const Input& input);

  Role role() const { return role_; }
  bool is_leader() const { return role_ == Role::kLeader; }
  LeaderEpoch epoch() const { return election_.epoch; }
  NodeId leader_id() const { return election_.leader_id; }
  // Where the current leader's epoch begins; meaningful for the leader.
  Offset epoch_start_offset() const { return epoch_start_offset_; }
  Offset high_watermark() const { return high_watermark_; }  // kNoOffset until one is known
  const VoterSet& voters() const { return voters_; }
  const ElectionState& election() const { return election_; }
  // As the leader knows them; empty if not leader.
  std::vector<ReplicaProgress> Replicas(int64_t now_ms) const;

 private:
  explicit Raft(RaftConfig config);
  void Elect(Effects* effects);
  void MaybeAdvance(Effects* effects);

  ReplicaKey local_;
  VoterSet voters_;
  bool voters_in_log_;
  Role role_ = Role::kUnattached;
  ElectionState election_;
  OffsetAndEpoch log_end_;
  Offset flushed_offset_{0};
  Offset epoch_start_offset_ = kNoOffset;
  Offset high_watermark_ = kNoOffset;
};

}  // namespace dohle::raft
