#include "operator/reconcile/balancing/balance_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "operator/reconcile/balancing/hard_goals.h"
#include "operator/reconcile/balancing/load_bands.h"
#include "operator/reconcile/balancing/load_goals.h"
#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {
namespace {

// Once a load is out of tolerance it is brought further in, so that a little more or less of it doesn't move
// something again.
constexpr double kAim = 0.7;
constexpr int kMostRounds = 8;

bool Has(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

bool SameSet(const Replicas& a, const Replicas& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](NodeId id) { return Has(b, id); });
}

// Loads aren't judged while a broker is away or holds what it should not.
bool LoadCounts(const BalanceGoals& goals, const Placement& placement, std::string& waits) {
  if (!goals.load || goals.only_factors || placement.usable().empty()) return false;
  for (const BrokerIndex b : placement.usable()) {
    const PlacedBroker& broker = placement.brokers()[b];
    if (!broker.down && !broker.cordoned) continue;
    waits = fmt::format("broker {} is {}: loads are balanced when it is back", broker.id.value(),
                        broker.down ? "down" : "closed to replicas");
    return false;
  }
  return std::none_of(placement.brokers().begin(), placement.brokers().end(), [](const PlacedBroker& b) {
    return !b.usable && b.load[static_cast<size_t>(Load::kReplicas)] > 0;
  });
}

void BalanceLoad(const BalanceGoals& goals, Placement& placement) {
  const LoadBands limits(placement, goals, goals.tolerance);
  const LoadBands aims(placement, goals, goals.tolerance * kAim);
  if (limits.ReplicasOut(placement)) BalanceReplicas(aims, placement);
  if (limits.LeadersOut(placement)) BalanceLeaders(aims, placement);
  if (limits.LeadersOut(placement)) BalanceLeadersByMoves(aims, placement);
}

// What has changed, as moves.
class Differences {
 public:
  Differences(const Topology& topology, const Placement& placement)
      : topology_(topology), placement_(placement) {}

  void Tell(BalancePlan& plan) const {
    for (uint32_t p = 0; p < topology_.partitions.size(); ++p) {
      BalanceMove move = MoveOf(p);
      if (move.from == move.to) {
        if (WantsElection(p)) plan.elect.push_back(p);
        continue;
      }
      plan.bytes += move.bytes;
      plan.moves.push_back(std::move(move));
    }
    const auto order = [](const BalanceMove& move) {
      return std::tuple(move.cancels ? 0 : SameSet(move.from, move.to) ? 2 : 1, move.reason, move.bytes);
    };
    std::stable_sort(plan.moves.begin(), plan.moves.end(),
                     [&](const BalanceMove& a, const BalanceMove& b) { return order(a) < order(b); });
  }

 private:
  BalanceMove MoveOf(uint32_t p) const {
    const PartitionPlace& place = topology_.partitions[p];
    BalanceMove move;
    move.partition = p;
    move.reason = placement_.partition(p).reason;
    Replicas original;
    for (const NodeId id : place.replicas) {
      if (!Has(place.removing, id)) move.from.push_back(id);
      if (!Has(place.adding, id)) original.push_back(id);
    }
    for (const BrokerIndex b : placement_.partition(p).seats) {
      const NodeId id = placement_.brokers()[b].id;
      move.to.push_back(id);
      if (!Has(place.replicas, id)) move.bytes += std::max<int64_t>(place.bytes, 0);
    }
    move.cancels = place.reassigned() && SameSet(move.to, original);
    return move;
  }

  bool WantsElection(uint32_t p) const {
    const PartitionPlace& place = topology_.partitions[p];
    if (place.reassigned() || place.replicas.empty() || place.leader == place.replicas[0]) return false;
    const PlacedBroker& preferred = placement_.brokers()[placement_.partition(p).seats[0]];
    return preferred.usable && !preferred.down && Has(place.in_sync, preferred.id);
  }

  const Topology& topology_;
  const Placement& placement_;
};

}  // namespace

std::string_view Name(MoveReason reason) {
  constexpr std::string_view kNames[] = {
      "none", "replication factor", "racks", "emptied broker", "disk space", "load", "leaders"};
  return kNames[static_cast<size_t>(reason)];
}

std::string_view Name(Load load) {
  constexpr std::string_view kNames[] = {"replicas", "bytes", "bytes in/s", "bytes out/s", "leaders"};
  return kNames[static_cast<size_t>(load)];
}

BalancePlan MakeBalancePlan(const Topology& topology, const BalanceGoals& goals) {
  Placement placement(topology, goals);
  BalancePlan plan;
  plan.before = placement.Spreads();
  // As often as planning over what was planned finds something: so that it won't when that is reached.
  for (int round = 0; round < kMostRounds; ++round) {
    const int64_t before = placement.changes();
    plan.blocks.clear();
    ReachHardGoals(topology, goals, placement, plan.blocks);
    if (LoadCounts(goals, placement, plan.load_waits)) BalanceLoad(goals, placement);
    if (placement.changes() == before) break;
    placement.Settle();
  }
  plan.after = placement.Spreads();
  Differences(topology, placement).Tell(plan);
  return plan;
}

}  // namespace dohle::reconcile
