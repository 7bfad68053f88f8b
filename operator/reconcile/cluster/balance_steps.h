// The steps by which a Cluster's replicas get to where they shall be: what of a balance plan is begun now,
// what waits and for what, the throttle. Pure; level-based, as all of it is planned anew each turn.
//
// spec.balance.mode is about loads only: what has to be moved for another reason goes without approval. A
// plan to approve is known by an id that tells its occasion: brokers with their racks, tolerance, and the
// plan finished before it. So it doesn't change as sizes and traffic do, and an approval is good until the
// plan is finished or a broker comes or goes.
//
// Nobody waits for replicas to be moved, but for those of brokers that are taken away: these hold the Cluster
// up until it is done (PlannedStep::background).
#pragma once

#include <optional>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/reconcile/balancing/balance_goals.h"
#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// What the brokers' dynamic defaults say of the throttle, and who said it; bytes a second.
struct ThrottleSight {
  int64_t ours = 0;  // 0: the operator has set none, or nobody tells
  bool others = false;
};

struct BalanceSteps {
  std::vector<PlannedStep> steps;
  api::BalanceStatus status;  // for status.balance
  int64_t throttle = 0;       // what the operator is to set in the brokers' defaults; 0: nothing of its own
};

// Brokers that stay hold the replicas; those that leave hold none, once they are closed to new ones. Loads
// are judged while nobody leaves.
BalanceGoals GoalsOf(const Formation& formation, const Topology& topology);

// `goals` says which brokers there shall be and what topics ask; load, tolerance and limits are the spec's.
// No goals: replicas stay where they are for now, and only the throttle is looked at. `topology` must be
// whole: without one there is nothing to plan by, and status.balance stays as it is.
BalanceSteps PlanBalance(const ClusterResource& cluster, const Topology& topology,
                         std::optional<BalanceGoals> goals, const ThrottleSight& throttle = {});

}  // namespace dohle::reconcile
