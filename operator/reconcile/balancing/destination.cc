#include "operator/reconcile/balancing/destination.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace dohle::reconcile {
namespace {

// How much worse loads get by a replica more.
double Harm(const Placement& placement, const LoadBands& bands, uint32_t p, BrokerIndex to) {
  const Loads amounts = placement.LoadOf(p, 1);
  double harm = 0;
  for (const Load load : {Load::kReplicas, Load::kBytes, Load::kBytesIn}) {
    const auto i = static_cast<size_t>(load);
    const double there = placement.brokers()[to].load[i];
    harm += bands[load].Excess(there + amounts[i]) - bands[load].Excess(there);
  }
  return harm;
}

}  // namespace

int WantedRacks(const Placement& placement, size_t replicas) {
  return std::min(static_cast<int>(replicas), placement.racks());
}

std::optional<BrokerIndex> FindBroker(const Placement& placement, const LoadBands& bands, uint32_t p,
                                      size_t seat, int least_racks, DiskUse disk) {
  const PlacedPartition& partition = placement.partition(p);
  Seats seats = partition.seats;
  if (seat == seats.size()) seats.push_back(0);
  const int wanted = WantedRacks(placement, seats.size());
  // What is still missing, what has to be copied, how bad it is for the loads: less is better.
  using Badness = std::tuple<int, int, int, double, double>;
  std::optional<BrokerIndex> best;
  Badness least;
  for (const BrokerIndex b : placement.usable()) {
    if (placement.brokers()[b].down || placement.brokers()[b].cordoned || Contains(partition.seats, b))
      continue;
    const bool held = placement.Holds(p, b);
    const bool spare = placement.Fits(b, partition.bytes);
    if (!spare && (disk == DiskUse::kSpare || !placement.FitsAtAll(b, partition.bytes))) continue;
    seats[seat] = b;
    const int racks = placement.DistinctRacks(seats);
    if (racks < least_racks) continue;
    // Rounded, so that sums in another order make no other choice.
    const double harm = std::round(Harm(placement, bands, p, b) * 1e6);
    const double busy = std::round(bands.Busyness(placement, partition.topic, b) * 1e6);
    const Badness badness = {std::max(0, wanted - racks), spare ? 0 : 1, held ? 0 : 1, harm, busy};
    if (best && badness >= least) continue;
    best = b;
    least = badness;
  }
  return best;
}

}  // namespace dohle::reconcile
