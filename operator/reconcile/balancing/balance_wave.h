// What of a plan is begun next: as much as limits allow beside what is under way. Level-based: what is under
// way is read from the topology, so it goes on wherever it was left, by whomever. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/kafka/kafka_action.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

struct MoveLimits {
  int32_t partitions = 50;             // that are copied at once
  int64_t bytes = int64_t{100} << 30;  // of all that is copied at once; a single partition may be bigger
  int32_t partitions_per_broker = 10;  // that a broker gets at once, and that one sends, but for small ones
  int64_t small_bytes = 16 << 20;      // partitions up to that are small
  int32_t reordered = 500;             // partitions in one step whose order changes, without data
};

struct BalanceWave {
  ReassignPartitions reassign;  // empty: nothing can be begun
  ElectPreferredLeaders elect;  // empty: nobody to elect (not: all)
  std::vector<size_t> begun;    // places in the plan's moves, of `reassign`
  size_t copied = 0;            // of `reassign`, those that copy data
  int64_t bytes = 0;            // that they copy
  size_t cancelled = 0;         // that are taken back, or go elsewhere than they were going
  size_t under_way = 0;         // partitions that are being copied already
  int64_t bytes_under_way = 0;  // of them whole; how much is left isn't known
  size_t waiting = 0;           // moves of the plan that come later
  std::string waits_for;        // a sentence if some wait, or ""
  bool held = false;            // what copies waits for something that is being done

  bool empty() const { return reassign.moves.empty() && elect.partitions.empty(); }
};

// `plan` is of this topology. What goes against its goals is taken back or sent elsewhere at once; else moves
// begin in the order of the plan, each if its leader, its new brokers and their disks have room for it. A
// partition without a leader waits.
BalanceWave NextWave(const Topology& topology, const BalancePlan& plan, const MoveLimits& limits);

// As it is once the wave is under way and nothing of it has arrived.
Topology Begun(Topology topology, const BalancePlan& plan, const BalanceWave& wave);

}  // namespace dohle::reconcile
