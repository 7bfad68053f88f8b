// What changes a Cluster's set of brokers, beyond its objects: closing brokers that leave to new replicas,
// the quorum's voters, forgetting brokers that are gone. They are emptied by balance_steps.h. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/reconcile/kafka/topology.h"
#include "operator/resources/options.h"

namespace dohle::reconcile {

// What is asked of the cluster, in order. `pods` of the formation's members that have one. Nothing without a
// topology, while the Cluster is hibernated, or for a quorum that an older operator made.
std::vector<PlannedStep> PlanScale(const ClusterResource& cluster, const Formation& formation,
                                   const std::vector<PodState>& pods, const Topology* topology,
                                   resources::Addressing addressing);

// Deletes the claims of brokers whose removal is done, if spec.storage.scaleDownPolicy says so.
std::vector<PlannedStep> PlanClaimRemoval(const ClusterResource& cluster, const Formation& formation,
                                          const LiveObjects& live);

// What is done to Pods and claims because the set of brokers changes says so: Pods of brokers that shall not
// run are deleted for that reason, and not since nothing asks for them.
void Explain(const ClusterResource& cluster, const Formation& formation, std::vector<PlannedStep>* steps);

// Why no broker that serves may be restarted now; "" if the set of brokers isn't changing.
std::string WhyNoRestartWhileScaling(const Formation& formation, const std::vector<PlannedStep>& scale_steps);

}  // namespace dohle::reconcile
