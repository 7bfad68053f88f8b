// What a broker is needed for in its cluster. Pure.
#pragma once

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// Null: it isn't registered.
const BrokerPlace* FindBroker(const Topology& topology, NodeId id);
// Whether it takes no new replicas: it is cordoned (KIP-1066), or doesn't serve.
bool IsClosed(const Topology& topology, NodeId id);
bool IsVoter(const Topology& topology, NodeId id);
// Partitions that it has a replica of, or will have.
int64_t ReplicasOn(const Topology& topology, NodeId id);
// It holds nothing, won't get anything, and doesn't vote: it may go for good.
bool IsEmpty(const Topology& topology, NodeId id);

}  // namespace dohle::reconcile
