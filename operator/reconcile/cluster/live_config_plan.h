// What of spec.config is set while brokers run (resources/live_config.h): as the default of all brokers, by
// Kafka's own means. What was set stands on the ConfigMap, so what others set on other keys stays theirs.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/resources/live_config.h"

namespace dohle::reconcile {

using resources::ConfigValues;

struct LiveConfigPlan {
  std::vector<AlterConfigs::Change> changes;
  ConfigValues remembered;  // of what is set or was and isn't taken back yet; to be stored before the changes
};

// `remembered` as stored; `observed`: what holds for all brokers now, nothing if nobody tells. What is asked
// for no more is taken back if it still has the value that was set: to that of `fallback` if it has one (a
// key that must have some value), else to Kafka's default.
LiveConfigPlan PlanLiveConfig(const ConfigValues& desired, const ConfigValues& remembered,
                              const std::optional<ConfigValues>& observed, const ConfigValues& fallback);

// What is remembered: stands on the ConfigMap.
ConfigValues RememberedLiveConfig(const ClusterResource& cluster, const LiveObjects& live);

// Stores and takes what the plan says: puts the annotation on the desired ConfigMap, returns the step.
// Nothing if nothing is to be changed. `more` is set for a while besides what the spec asks for.
std::optional<PlannedStep> ApplyLiveConfig(const ClusterResource& cluster, const LiveObjects& live,
                                           const std::optional<ConfigValues>& observed,
                                           const ConfigValues& more, std::vector<DesiredObject>* desired);

}  // namespace dohle::reconcile
