// Where the replicas of brokers that are to be emptied go. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "operator/reconcile/kafka/kafka_action.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// Partitions that are moved at the same time.
inline constexpr size_t kMovesAtOnce = 50;

// The next moves off `leaving`: each replica to the broker with the fewest that has none of that partition,
// in another rack than the others if there is one. Brokers that are fenced or cordoned get none. Partitions
// that are moved already count into kMovesAtOnce.
std::vector<ReassignPartitions::Move> MovesOff(const Topology& topology, const std::vector<NodeId>& leaving);

// Moves under way that lead onto `leaving`, to be cancelled.
std::vector<ReassignPartitions::Move> MovesOnto(const Topology& topology, const std::vector<NodeId>& leaving);

}  // namespace dohle::reconcile
