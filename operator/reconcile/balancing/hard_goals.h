// What must be so whatever it costs: replication factors, emptied brokers, racks, disks. Pure.
#pragma once

#include <vector>

#include "operator/reconcile/balancing/load_bands.h"
#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {

// Moves in `placement` what has to be moved. What can't be had is told in `blocks` and left as it is. A
// broker that serves is emptied all the way or not at all; of one that is down as much is copied elsewhere as
// can be.
void ReachHardGoals(const Topology& topology, const BalanceGoals& goals, Placement& placement,
                    std::vector<BalanceBlock>& blocks);

}  // namespace dohle::reconcile
