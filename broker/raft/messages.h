// What members of the quorum say to each other (KIP-595, KIP-853, KIP-996), as plain values: the driver
// translates from and to the wire, checks the cluster's id, and fills in names of topic and partition.
#pragma once

#include <optional>
#include <vector>

#include "broker/raft/types.h"

namespace dohle::raft {

// Kafka's error of the same name is the answer on the wire.
enum class RaftError : uint8_t {
  kNone,
  kFencedLeaderEpoch,
  kUnknownLeaderEpoch,
  kNotLeaderOrFollower,
  kInvalidRequest,
  kInvalidVoterKey,
  kOffsetOutOfRange,
  kSnapshotNotFound,
  kPositionOutOfRange,
  kUnsupportedVersion,  // of kraft.version: voters can't change
  kDuplicateVoter,
  kVoterNotFound,
  kRequestTimedOut,     // a voter that isn't caught up; a change that is under way
  kBrokerNotAvailable,  // the leader isn't ready to judge yet, or can't be reached
  kUnknownServerError,
};

// Whom the answering replica takes for the leader, in every answer.
struct KnownLeader {
  NodeId id = kNoNode;
  LeaderEpoch epoch{0};
  std::vector<VoterEndpoint> endpoints;  // empty: not told

  friend bool operator==(const KnownLeader&, const KnownLeader&) = default;
};

struct VoteRequest {
  ReplicaKey candidate;
  LeaderEpoch epoch{0};  // of the vote; with pre_vote the candidate's present one
  OffsetAndEpoch log_end;
  bool pre_vote = false;
  std::optional<ReplicaKey> voter;  // whom the candidate means to ask; before Vote 1 it isn't said
};
struct VoteResponse {
  RaftError error = RaftError::kNone;
  KnownLeader leader;
  bool granted = false;
};

struct BeginQuorumEpochRequest {
  KnownLeader leader;
  std::optional<ReplicaKey> voter;
};
struct EndQuorumEpochRequest {
  NodeId leader = kNoNode;
  LeaderEpoch epoch{0};
  std::vector<ReplicaKey> preferred_successors;  // the best first
  std::vector<VoterEndpoint> leader_endpoints;
};
struct QuorumEpochResponse {  // of both
  RaftError error = RaftError::kNone;
  KnownLeader leader;
};

struct FetchRequest {
  ReplicaKey replica;                                 // id -1: somebody who only reads
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;  // -1: not known
  Offset fetch_offset{0};
  LeaderEpoch last_fetched_epoch{0};
};
// How to answer a fetch. At most one of `diverging` and `snapshot` is set; with neither and no error the
// records from fetch_offset on are the answer, up to the log end for replicas.
struct FetchDecision {
  RaftError error = RaftError::kNone;
  KnownLeader leader;
  Offset high_watermark = kNoOffset;
  std::optional<OffsetAndEpoch> diverging;  // the largest common prefix ends there or before
  std::optional<OffsetAndEpoch> snapshot;   // to be fetched first
};

struct FetchSnapshotRequest {
  ReplicaKey replica;
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
  OffsetAndEpoch snapshot;
};

// What a fetch came back with, as far as it isn't records.
struct FetchResponse {
  RaftError error = RaftError::kNone;
  KnownLeader leader;
  Offset high_watermark = kNoOffset;
  std::optional<OffsetAndEpoch> diverging;
  std::optional<OffsetAndEpoch> snapshot;
};

}  // namespace dohle::raft
