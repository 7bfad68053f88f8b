// What brokers tell of their disks. Pure.
#pragma once

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// Whether all brokers have their log directories on one disk, as those on one machine: they tell the same
// size and the same free space, and each finds as much in use besides its own replicas as the others hold.
// Then no move makes room nor takes any, but for the time of copying. Those that don't tell don't count.
bool ShareDisk(const Topology& topology);

}  // namespace dohle::reconcile
