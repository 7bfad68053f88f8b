// What the nodes of a simulation have of the metadata log, read from their disks: whether the quorum keeps
// its promises.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/raft/types.h"
#include "tests/sim/cluster.h"

namespace dohle::sim {

// Looks at every `quorum-state`, now and then. Nobody may ever see two leaders of one epoch, and no node may
// go back to an older epoch.
class LeadersSeen {
 public:
  void Look(Cluster& cluster);
  // One sighting, of the node's file (a node with a new disk is another one). Pure.
  void Note(const std::string& host, const raft::ElectionState& seen);
  const std::vector<std::string>& violations() const { return violations_; }
  size_t leaders() const { return leaders_.size(); }

 private:
  struct Leader {
    NodeId id;
    std::string seen_at;
  };
  std::map<LeaderEpoch, Leader> leaders_;
  std::map<std::string, LeaderEpoch> epochs_;    // the newest of each host
  std::map<std::string, std::string> contents_;  // of each file, as last seen
  std::vector<std::string> violations_;
};

// The records of one node's snapshots, by file name.
struct NodeSnapshots {
  std::string host;
  int64_t log_start_offset = 0;  // of the batches that it has
  std::map<std::string, std::vector<std::string>> files;
};
std::vector<NodeSnapshots> ReadSnapshots(Cluster& cluster);
// A log that begins behind offset 0 needs a snapshot that reaches its beginning, and snapshots of one name
// say the same everywhere. What isn't so, in a sentence; empty: nothing. Pure.
std::string Difference(const std::vector<NodeSnapshots>& nodes);

}  // namespace dohle::sim
