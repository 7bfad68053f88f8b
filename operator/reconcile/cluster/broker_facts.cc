#include "operator/reconcile/cluster/broker_facts.h"

#include <map>
#include <utility>

namespace dohle::reconcile {

ClusterFacts FactsOf(const Topology& topology) {
  ClusterFacts facts;
  facts.cluster_id = topology.cluster_id;
  std::map<NodeId, size_t> places;
  for (const BrokerPlace& broker : topology.brokers) {
    if (broker.fenced) continue;
    places[broker.id] = facts.brokers.size();
    BrokerFacts of_broker;
    of_broker.id = broker.id.value();
    of_broker.bytes = broker.bytes;
    facts.brokers.push_back(std::move(of_broker));
  }
  for (const PartitionPlace& partition : topology.partitions) {
    if (partition.leader == kNoNode) ++facts.offline_partitions;
    if (partition.in_sync.size() < partition.replicas.size()) ++facts.under_replicated_partitions;
    if (const auto leader = places.find(partition.leader); leader != places.end())
      ++facts.brokers[leader->second].leaders;
    for (const NodeId replica : partition.replicas) {
      if (const auto holder = places.find(replica); holder != places.end())
        ++facts.brokers[holder->second].replicas;
    }
  }
  return facts;
}

}  // namespace dohle::reconcile
