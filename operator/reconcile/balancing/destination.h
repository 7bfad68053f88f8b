// Which broker a replica that has to go somewhere goes to. Pure.
#pragma once

#include <optional>

#include "operator/reconcile/balancing/load_bands.h"
#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {

// How many racks a partition of so many replicas should be in.
int WantedRacks(const Placement& placement, size_t replicas);

// The best broker in place of that at `seat`, or for one more replica if that is behind the last: one that
// serves, has room, and leaves the partition in at least `least_racks`. More racks come first, as long as
// they are wanted; then what costs no copying; then what is good for the loads. None: there is none.
std::optional<BrokerIndex> FindBroker(const Placement& placement, const LoadBands& bands, uint32_t p,
                                      size_t seat, int least_racks);

}  // namespace dohle::reconcile
