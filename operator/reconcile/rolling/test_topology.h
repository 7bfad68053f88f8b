// For tests: clusters as planners see them.
#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>
#include <vector>

#include "operator/reconcile/kafka/topology.h"
#include "operator/reconcile/rolling/roll_plan.h"

namespace dohle::reconcile {

inline Replicas Ids(const std::vector<int>& ids) {
  Replicas replicas;
  for (const int id : ids) replicas.push_back(NodeId(id));
  return replicas;
}

// Brokers 0 to n - 1 in `racks` racks by turns, the first `voters` of them voters, the last voter is the
// active controller.
inline Topology TestTopology(int brokers, int voters, int racks = 0) {
  Topology topology;
  topology.cluster_id = "test";
  for (int id = 0; id < brokers; ++id) {
    BrokerPlace place;
    place.id = NodeId(id);
    if (racks > 0) place.rack = std::string(1, static_cast<char>('a' + id % racks));
    topology.brokers.push_back(std::move(place));
  }
  for (int id = 0; id < voters; ++id) {
    QuorumVoter voter;
    voter.id = NodeId(id);
    voter.log_end_offset = 100;
    topology.quorum.voters.push_back(voter);
    topology.quorum.leader = voter.id;
  }
  return topology;
}

inline void AddTopic(Topology& topology, std::string name, int min_isr,
                     const std::vector<std::vector<int>>& placement) {
  TopicPlace place;
  place.name = std::move(name);
  place.min_in_sync_replicas = min_isr;
  topology.topics.push_back(std::move(place));
  for (size_t i = 0; i < placement.size(); ++i) {
    PartitionPlace partition;
    partition.topic = static_cast<uint32_t>(topology.topics.size() - 1);
    partition.index = static_cast<int32_t>(i);
    partition.replicas = partition.in_sync = Ids(placement[i]);
    partition.leader = partition.replicas.front();
    topology.partitions.push_back(std::move(partition));
  }
}

// All are ready, all need a restart.
inline std::vector<RollBroker> TestBrokers(int brokers) {
  std::vector<RollBroker> all;
  for (int id = 0; id < brokers; ++id) {
    RollBroker broker;
    broker.id = NodeId(id);
    broker.ready = broker.restart = true;
    all.push_back(std::move(broker));
  }
  return all;
}

inline std::string ToText(const std::vector<NodeId>& brokers) {
  std::string text;
  for (const NodeId id : brokers) text += fmt::format("{}{}", text.empty() ? "" : " ", id.value());
  return text;
}

inline std::string ToText(const RollPlan& plan) {
  std::string text;
  if (!plan.wave.empty()) {
    text += fmt::format("restart {}{}: {}\n", ToText(plan.wave), plan.serves ? "" : " (no permit)",
                        plan.wave_reason);
  }
  for (const auto& [topic, index] : plan.leaders_to_return)
    text += fmt::format("elect {}-{}\n", topic, index);
  if (!plan.waits.empty()) text += fmt::format("others: {}\n", plan.waits);
  if (!plan.halted.empty()) text += fmt::format("halted: {}\n", plan.halted);
  return text;
}

}  // namespace dohle::reconcile
