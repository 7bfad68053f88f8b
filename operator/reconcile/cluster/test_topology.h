// A Kafka cluster for tests of planners: well, and as large as is said.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

class TestTopology {
 public:
  explicit TestTopology(const std::vector<int32_t>& brokers, const std::vector<int32_t>& voters = {}) {
    topology_.cluster_id = "the-cluster";
    for (const int32_t id : brokers) topology_.brokers.push_back({.id = NodeId(id)});
    topology_.quorum.leader = NodeId(voters.empty() ? brokers.front() : voters.front());
    for (const int32_t id : brokers) {
      const bool votes = voters.empty() || std::find(voters.begin(), voters.end(), id) != voters.end();
      auto& group = votes ? topology_.quorum.voters : topology_.quorum.observers;
      group.push_back({NodeId(id), DirectoryOf(id), 100, 0});
    }
  }
  static DirectoryId DirectoryOf(int32_t id) { return {7, static_cast<uint64_t>(id) + 1000}; }

  // A partition for each list of replicas; all in sync, led by the first.
  TestTopology& Topic(const std::string& name, const std::vector<std::vector<int32_t>>& partitions) {
    const auto topic = static_cast<uint32_t>(topology_.topics.size());
    topology_.topics.push_back({.name = name});
    for (const std::vector<int32_t>& replicas : partitions) {
      PartitionPlace partition;
      partition.topic = topic;
      partition.index = static_cast<int32_t>(&replicas - partitions.data());
      for (const int32_t id : replicas) partition.replicas.push_back(NodeId(id));
      partition.in_sync = partition.replicas;
      partition.leader = partition.replicas.front();
      topology_.partitions.push_back(std::move(partition));
    }
    return *this;
  }
  BrokerPlace& Broker(int32_t id) {
    return *std::find_if(topology_.brokers.begin(), topology_.brokers.end(),
                         [&](const BrokerPlace& broker) { return broker.id == NodeId(id); });
  }
  TestTopology& Cordon(int32_t id) {
    Broker(id).cordoned = true;
    return *this;
  }
  TestTopology& Fence(int32_t id) {
    Broker(id).fenced = true;
    return *this;
  }
  TestTopology& Behind(int32_t id, int64_t ms) {
    for (auto* group : {&topology_.quorum.voters, &topology_.quorum.observers}) {
      for (QuorumVoter& replica : *group) {
        if (replica.id == NodeId(id)) replica.ms_since_caught_up = ms;
      }
    }
    return *this;
  }
  Topology& operator*() { return topology_; }
  Topology* operator->() { return &topology_; }

 private:
  Topology topology_;
};

}  // namespace dohle::reconcile
