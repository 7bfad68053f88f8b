// How many brokers a Cluster has and which quorum they form: what is asked for, as far as the data that is
// there allows it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/resources/quorum.h"

namespace dohle::reconcile {

struct Formation {
  int32_t brokers = 1;  // that are run
  resources::Quorum quorum;
  std::string refusal;  // a sentence: why they aren't as many as are asked for; "" if they are
};

// By the Cluster's claims; those that are being deleted count no more.
Formation FormationOf(const ClusterResource& cluster, const LiveObjects& live);

// What stands in the plan for a refusal.
PlannedStep RefusedScaling(const ClusterResource& cluster, const Formation& formation);

}  // namespace dohle::reconcile
