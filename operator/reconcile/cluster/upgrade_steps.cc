#include "operator/reconcile/cluster/upgrade_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/api/condition.h"
#include "operator/reconcile/upgrading/broker_image.h"
#include "operator/reconcile/upgrading/upgrade_plan.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

std::vector<RunningBroker> Running(const std::vector<PodState>& pods,
                                   const std::map<NodeId, std::string>& versions = {}) {
  std::vector<RunningBroker> brokers;
  for (const PodState& pod : pods) {
    const auto told = versions.find(pod.broker);
    brokers.push_back({pod.broker.value(), pod.image, told == versions.end() ? "" : told->second, pod.ready});
  }
  return brokers;
}

// By the condition that the last look left.
int64_t WellSince(const api::ClusterStatus& status) {
  const api::Condition* degraded = api::FindCondition(status.conditions, "Degraded");
  return degraded == nullptr || degraded->status != "False" ? -1 : degraded->last_transition_time_ms;
}

PlannedStep Step(const ClusterResource& cluster, std::string action, std::string reason) {
  PlannedStep step;
  step.kind = PlannedStep::Kind::kKafka;
  step.resource = k8s::kClusters;
  step.name = cluster.meta.name;
  step.shown.action = std::move(action);
  step.shown.object = "Cluster/" + cluster.meta.name.name;
  step.shown.reason = std::move(reason);
  return step;
}

// metadata.version first, as others need it.
std::vector<PlannedStep> Raise(const ClusterResource& cluster, const UpgradePlan& plan) {
  std::vector<PlannedStep> steps;
  for (const auto& [feature, level] : plan.raise) {
    PlannedStep step = Step(cluster, "RaiseFeatureLevel", plan.reason);
    step.action = std::make_shared<const KafkaAction>(UpdateFeature{feature, level});
    step.shown.object = "Feature/" + feature;
    step.shown.blocked_by = plan.blocked_by;
    step.background = true;
    step.awaited = step.far_off = step.blocked();
    steps.insert(feature == kMetadataVersion ? steps.begin() : steps.end(), std::move(step));
  }
  return steps;
}

}  // namespace

std::string BrokerImage(const ClusterResource& cluster, const std::vector<PodState>& pods,
                        const resources::Options& options) {
  const bool follows = cluster.spec.upgrade.default_image == api::DefaultImage::kFollow;
  const api::UpgradeStatus& status = cluster.status.upgrade;
  std::string image =
      ImageToRun({cluster.spec.image, follows, status.image, options.broker_image}, Running(pods));
  return WhyNotImage(image, status).empty() ? image : status.image;
}

std::vector<PlannedStep> PlanUpgradeSteps(const ClusterResource& cluster, const resources::Options& options,
                                          int64_t now_ms, ClusterSighting* seen) {
  const api::UpgradeStatus& before = cluster.status.upgrade;
  UpgradeSight sight;
  sight.now_ms = now_ms;
  sight.brokers = Running(seen->pods, seen->versions);
  sight.restarting = std::any_of(seen->steps.begin(), seen->steps.end(),
                                 [](const PlannedStep& step) { return step.restarts != kNoNode; });
  sight.well_since_ms = WellSince(cluster.status);
  sight.features = seen->features;
  sight.spec = cluster.spec.upgrade;
  sight.approved = cluster.meta.Annotation(resources::kApproveAnnotation);
  UpgradePlan plan = PlanUpgrade(sight, before);
  seen->upgrade = std::move(plan.status);
  const bool kept = cluster.spec.image.empty() && !seen->upgrade.image.empty() &&
                    seen->upgrade.image != options.broker_image;
  seen->upgrade.available = kept ? options.broker_image : "";
  std::vector<PlannedStep> steps = Raise(cluster, plan);
  const bool follows = cluster.spec.upgrade.default_image == api::DefaultImage::kFollow;
  const std::string wanted =
      ImageToRun({cluster.spec.image, follows, before.image, options.broker_image}, sight.brokers);
  if (std::string why = WhyNotImage(wanted, before); !why.empty()) {
    PlannedStep& refused =
        steps.emplace_back(Step(cluster, "ChangeImage", fmt::format("{} is asked for", wanted)));
    refused.shown.blocked_by = std::move(why);
  }
  return steps;
}

}  // namespace dohle::reconcile
