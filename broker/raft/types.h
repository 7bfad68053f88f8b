// The words of the KRaft quorum (KIP-595, KIP-853). Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/status.h"

namespace dohle::raft {

// Names the end of a prefix of the log: `offset` is exclusive, `epoch` that of the last record before it.
struct OffsetAndEpoch {
  Offset offset{0};
  LeaderEpoch epoch{0};

  friend auto operator<=>(const OffsetAndEpoch&, const OffsetAndEpoch&) = default;
};

// A replica of the metadata log: a node and the directory that holds its log (KIP-853). A zero directory id
// means «not known», as with kraft.version 0.
struct ReplicaKey {
  NodeId id = kNoNode;
  DirectoryId directory_id;

  friend auto operator<=>(const ReplicaKey&, const ReplicaKey&) = default;
};

struct VoterEndpoint {
  std::string name;  // of the listener
  std::string host;
  uint16_t port = 0;

  friend bool operator==(const VoterEndpoint&, const VoterEndpoint&) = default;
};

struct Voter {
  ReplicaKey key;
  std::vector<VoterEndpoint> endpoints;
  int16_t min_kraft_version = 0;  // the kraft.version levels that the voter supports
  int16_t max_kraft_version = 1;

  friend bool operator==(const Voter&, const Voter&) = default;
};

// Who may vote, sorted by node id; what a KRaftVoters record carries.
struct VoterSet {
  std::vector<Voter> voters;

  const Voter* Find(NodeId id) const;
  // A voter of that id whose directory id is the same, or unknown on one of the sides.
  bool Contains(const ReplicaKey& key) const;
  bool IsOnlyVoter(const ReplicaKey& key) const { return voters.size() == 1 && Contains(key); }
  size_t majority() const { return voters.size() / 2 + 1; }

  friend bool operator==(const VoterSet&, const VoterSet&) = default;
};

// What a node must not forget: the file `quorum-state`.
struct ElectionState {
  LeaderEpoch epoch{0};
  NodeId leader_id = kNoNode;
  std::optional<ReplicaKey> voted;

  friend bool operator==(const ElectionState&, const ElectionState&) = default;
};

// The content of `quorum-state`, data_version 1 for kraft.version 1 and data_version 0 for kraft.version 0.
std::string FormatQuorumState(const ElectionState& state, int16_t kraft_version);
// Reads either version. kDataLoss if it isn't such a file.
StatusOr<ElectionState> ParseQuorumState(std::string_view content);

}  // namespace dohle::raft
