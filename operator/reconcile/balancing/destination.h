// Which broker a replica that has to go somewhere goes to. Pure.
#pragma once

#include <optional>

#include "operator/reconcile/balancing/load_bands.h"
#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {

// How many racks a partition of so many replicas should be in.
int WantedRacks(const Placement& placement, size_t replicas);

// How full a disk may get: to kDiskLimit; or as full as it takes, but rather not (LeastFree).
enum class DiskUse : uint8_t { kSpare, kAsked };

// The best broker in place of that at `seat`, or for one more replica if that is behind the last: one that
// serves, has room, and leaves the partition in at least `least_racks`. More racks come first, as long as
// they are wanted; then spare room on disks; then what costs no copying; then what is good for the loads.
// None: there is none.
std::optional<BrokerIndex> FindBroker(const Placement& placement, const LoadBands& bands, uint32_t p,
                                      size_t seat, int least_racks, DiskUse disk = DiskUse::kSpare);

}  // namespace dohle::reconcile
