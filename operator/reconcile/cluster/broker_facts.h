// What a Cluster's status tells of what its brokers say of themselves. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

struct BrokerFacts {
  int32_t id = 0;
  std::string version;  // of its program; "" = unknown
  int64_t leaders = 0, replicas = 0, bytes = 0;
};

struct ClusterFacts {
  std::string cluster_id;
  std::vector<BrokerFacts> brokers;  // those that are registered and not fenced
  int64_t offline_partitions = 0, under_replicated_partitions = 0;
};

// Pure: counts what there is. Brokers that are fenced aren't in it.
ClusterFacts FactsOf(const Topology& topology);

}  // namespace dohle::reconcile
