// Between a Cluster and operator/resources: what shall be there, and what of it is seen. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/resources/options.h"

namespace dohle::reconcile {

// In the order in which they are made.
std::vector<resources::DesiredObject> DesiredObjects(const ClusterResource& cluster,
                                                     const Formation& formation, const LiveObjects& live,
                                                     const resources::Options& options);

// One for each broker that runs or shall run (formation.h), by id; with an empty name where there is none.
std::vector<PodState> BrokerPods(const ClusterResource& cluster, const Formation& formation,
                                 const LiveObjects& live);
// Of all Pods that there are, by id.
std::vector<PodState> LiveBrokerPods(const ClusterResource& cluster, const LiveObjects& live);

// Where clients find the cluster, as far as that is known.
std::vector<api::ListenerStatus> ListenerAddresses(const ClusterResource& cluster, const LiveObjects& live,
                                                   const resources::Options& options);

// Where the operator itself asks a broker: "host:port".
std::string ProbeAddress(const ClusterResource& cluster, const PodState& pod);

}  // namespace dohle::reconcile
