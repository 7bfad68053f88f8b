// Between the plan of a Cluster and the plan of a roll (rolling/roll_plan.h): which of the restarts that are
// due are taken now. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/reconcile/rolling/roll_plan.h"

namespace dohle::reconcile {

// The brokers of a Cluster as a roll sees them. `pods` by broker id; `changing` tells whether something was
// done to a Pod that isn't seen yet.
std::vector<RollBroker> RollBrokers(const std::vector<PodState>& pods, const std::vector<PlannedStep>& steps,
                                    const std::function<bool(const std::string& pod)>& changing,
                                    const std::string& cluster_name);

RollLimits LimitsOf(const api::ClusterSpec& spec, int32_t brokers);

// Holds up the restarts that aren't the plan's turn, puts those that are into its order and gives them their
// permits, and adds the election of leaders before all. `cluster` names what the election is told of.
void ApplyRoll(const RollPlan& roll, const ClusterResource& cluster, int64_t now_ms,
               std::vector<PlannedStep>* steps);

// Asks the active controller whether a broker may be away (README.md, dohle.restart.permit.until.ms).
std::shared_ptr<const KafkaAction> RestartPermit(NodeId broker, const api::ClusterSpec& spec, int64_t now_ms);

}  // namespace dohle::reconcile
