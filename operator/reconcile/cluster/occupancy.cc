#include "operator/reconcile/cluster/occupancy.h"

#include <algorithm>

namespace dohle::reconcile {

const BrokerPlace* FindBroker(const Topology& topology, NodeId id) {
  const auto it = std::find_if(topology.brokers.begin(), topology.brokers.end(),
                               [&](const BrokerPlace& broker) { return broker.id == id; });
  return it == topology.brokers.end() ? nullptr : &*it;
}

bool IsClosed(const Topology& topology, NodeId id) {
  const BrokerPlace* broker = FindBroker(topology, id);
  return broker == nullptr || broker->cordoned || broker->fenced;
}

bool IsVoter(const Topology& topology, NodeId id) {
  const auto& voters = topology.quorum.voters;
  return std::any_of(voters.begin(), voters.end(), [&](const QuorumVoter& voter) { return voter.id == id; });
}

int64_t ReplicasOn(const Topology& topology, NodeId id) {
  return std::count_if(topology.partitions.begin(), topology.partitions.end(),
                       [&](const PartitionPlace& partition) {
                         return std::find(partition.replicas.begin(), partition.replicas.end(), id) !=
                                partition.replicas.end();
                       });
}

bool IsEmpty(const Topology& topology, NodeId id) {
  return IsClosed(topology, id) && !IsVoter(topology, id) && ReplicasOn(topology, id) == 0;
}

}  // namespace dohle::reconcile
