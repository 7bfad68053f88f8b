// Who leads a partition, as its replicas learn it.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.h"

namespace dohle::replica {

// What the metadata says of the partition.
struct Leadership {
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  PartitionEpoch partition_epoch{0};
  std::vector<NodeId> in_sync_replicas;
  std::vector<NodeId> replicas;  // all, in the order of preference; empty: the ISR
  std::vector<NodeId> adding_replicas;
  std::vector<NodeId> removing_replicas;
  bool recovered = true;  // KIP-704

  bool reassigning() const { return !adding_replicas.empty() || !removing_replicas.empty(); }
};

// What a Leadership came to for the replica here.
struct LeadershipChange {
  enum class Kind : uint8_t {
    kNothing,   // nothing for who fetches: other ISR, other replicas, or older than what is known
    kLeader,    // leads from now on, in a new epoch
    kFollower,  // follows `leader` in a new epoch; kNoNode: nobody, until there is a leader
  };
  Kind kind = Kind::kNothing;
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
};

}  // namespace dohle::replica
