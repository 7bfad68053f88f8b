// What the brokers of a simulation have on their disks: whether the replicas of a partition agree below the
// high watermark, byte for byte.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/cluster.h"

namespace dohle::sim {

// The stored batches of one replica, by base offset.
struct ReplicaLog {
  std::string host;
  std::map<int64_t, std::string> batches;

  int64_t end_offset() const;
};

// Of the nodes that run and hold `partition`.
std::vector<ReplicaLog> ReadReplicas(Cluster& cluster, const TopicPartition& partition);

// Whether all of them reach `offset`.
bool AllReach(const std::vector<ReplicaLog>& replicas, int64_t offset);

// What differs below `high_watermark`, in a sentence; empty: nothing. Pure.
std::string Difference(const std::vector<ReplicaLog>& replicas, int64_t high_watermark);

}  // namespace dohle::sim
