// Between the plan of a Cluster and the plan of its healing (healing/heal_plan.h). Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/node_states.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/reconcile/healing/heal_plan.h"

namespace dohle::reconcile {

// The brokers of a Cluster as healing sees them; what HealWatch knows isn't in it yet. `pods` as BrokerPods
// gives them, of the same `live`. `topology` null if nobody tells; it outlives the sight. `now_ms`: wall
// clock.
HealSight HealSightOf(const ClusterResource& cluster, const Formation& formation,
                      const std::vector<PodState>& pods, const LiveObjects& live, const NodeStates& nodes,
                      const Topology* topology, int64_t now_ms);

// Puts what heals before all other steps. A Pod that is deleted for another reason anyway isn't once more. A
// broker that still serves needs a permit (cluster_roll.h). `now_ms`: wall clock.
void AddHealing(const HealPlan& plan, const ClusterResource& cluster, int64_t now_ms,
                std::vector<PlannedStep>* steps);

}  // namespace dohle::reconcile
