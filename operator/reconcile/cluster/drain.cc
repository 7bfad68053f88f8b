#include "operator/reconcile/cluster/drain.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace dohle::reconcile {
namespace {

bool Has(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}
bool Has(const std::vector<NodeId>& ids, NodeId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

struct Place {
  std::string rack;
  int64_t replicas = 0;
};
using Places = std::map<NodeId, Place>;

Places PlacesOf(const Topology& topology, const std::vector<NodeId>& leaving) {
  Places places;
  for (const BrokerPlace& broker : topology.brokers) {
    if (!broker.fenced && !broker.cordoned && !Has(leaving, broker.id)) places[broker.id] = {broker.rack, 0};
  }
  for (const PartitionPlace& partition : topology.partitions) {
    for (const NodeId id : partition.replicas) {
      if (const auto place = places.find(id); place != places.end()) ++place->second.replicas;
    }
  }
  return places;
}

// kNoNode: nobody is left.
NodeId Choose(const Places& places, const Topology& topology, const Replicas& others) {
  const auto rack_taken = [&](const std::string& rack) {
    return std::any_of(topology.brokers.begin(), topology.brokers.end(), [&](const BrokerPlace& broker) {
      return Has(others, broker.id) && broker.rack == rack;
    });
  };
  NodeId best = kNoNode;
  std::tuple<bool, int64_t> least{};
  for (const auto& [id, place] : places) {
    if (Has(others, id)) continue;
    const std::tuple<bool, int64_t> cost{!place.rack.empty() && rack_taken(place.rack), place.replicas};
    if (best == kNoNode || cost < least) std::tie(best, least) = std::tie(id, cost);
  }
  return best;
}

}  // namespace

std::vector<ReassignPartitions::Move> MovesOff(const Topology& topology, const std::vector<NodeId>& leaving) {
  Places places = PlacesOf(topology, leaving);
  std::vector<ReassignPartitions::Move> moves;
  size_t under_way = 0;
  for (const PartitionPlace& partition : topology.partitions) under_way += partition.reassigned() ? 1 : 0;
  for (const PartitionPlace& partition : topology.partitions) {
    if (under_way + moves.size() >= kMovesAtOnce) break;
    if (partition.reassigned()) continue;
    Replicas target = partition.replicas;
    bool moved = false;
    for (NodeId& replica : target) {
      if (!Has(leaving, replica)) continue;
      const NodeId to = Choose(places, topology, target);
      if (to == kNoNode) continue;
      replica = to;
      ++places[to].replicas;
      moved = true;
    }
    if (moved) moves.push_back({topology.topics[partition.topic].name, partition.index, std::move(target)});
  }
  return moves;
}

std::vector<ReassignPartitions::Move> MovesOnto(const Topology& topology,
                                                const std::vector<NodeId>& leaving) {
  std::vector<ReassignPartitions::Move> moves;
  for (const PartitionPlace& partition : topology.partitions) {
    const bool onto = std::any_of(partition.adding.begin(), partition.adding.end(),
                                  [&](NodeId id) { return Has(leaving, id); });
    if (onto) moves.push_back({topology.topics[partition.topic].name, partition.index, {}});
  }
  return moves;
}

}  // namespace dohle::reconcile
