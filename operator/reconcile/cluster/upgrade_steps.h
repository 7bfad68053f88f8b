// Between a Cluster and upgrading/: which image its brokers get, when feature levels are raised, and what its
// status says of both. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/cluster_status.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/resources/options.h"

namespace dohle::reconcile {

// That new Pods get. `pods`: those that there are or shall be.
std::string BrokerImage(const ClusterResource& cluster, const std::vector<PodState>& pods,
                        const resources::Options& options);

// What is still to be done, for the other steps of `seen`, and why the image that is asked for isn't run.
// Sets seen->upgrade, for status.upgrade.
std::vector<PlannedStep> PlanUpgradeSteps(const ClusterResource& cluster, const resources::Options& options,
                                          int64_t now_ms, ClusterSighting* seen);

}  // namespace dohle::reconcile
