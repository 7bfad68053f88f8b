// The steps by which a Cluster's replicas get to where they shall be: what of a balance plan is begun now,
// what waits and for what, the throttle. Pure; level-based, as all of it is planned anew each turn.
//
// spec.balance.mode is about loads only: what has to be moved for another reason goes without approval. A
// plan to approve is known by an id that tells its occasion: brokers with their racks, tolerance, and the
// plan finished before it. So it doesn't change as sizes and traffic do, and an approval is good until the
// plan is finished or a broker comes or goes.
#pragma once

#include <optional>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/reconcile/balancing/balance_goals.h"
#include "operator/reconcile/balancing/replication_throttle.h"
#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

struct BalanceSteps {
  std::vector<PlannedStep> steps;
  api::BalanceStatus status;  // for status.balance
};

// `goals` says which brokers there shall be and what topics ask; load, tolerance and limits are the spec's.
// `throttle`: what is set of it now; nothing: unknown, and no throttle is set or removed. `topology` must be
// whole: without one there is nothing to plan by, and status.balance stays as it is.
BalanceSteps PlanBalance(const ClusterResource& cluster, const Topology& topology, BalanceGoals goals,
                         const std::optional<ThrottleConfig>& throttle = std::nullopt);

}  // namespace dohle::reconcile
