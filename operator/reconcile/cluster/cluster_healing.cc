#include "operator/reconcile/cluster/cluster_healing.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dohle::reconcile {
namespace {

PlannedStep ToStep(const HealStep& heal, const ClusterResource& cluster) {
  PlannedStep step;
  step.kind = PlannedStep::Kind::kDelete;
  step.resource = k8s::kPods;
  step.name = {cluster.meta.name.ns, heal.pod};
  step.uid = heal.pod_uid;
  const bool force = heal.kind == HealStep::Kind::kForceDeletePod;
  step.grace_s = force ? 0 : kHungGraceSeconds;
  step.shown = {force ? "ForceDeletePod" : "RestartHungBroker", "Pod/" + heal.pod, heal.reason,
                heal.blocked_by};
  step.awaited = heal.awaited;
  return step;
}

}  // namespace

HealSight HealSightOf(const ClusterResource& cluster, const Formation& formation,
                      const std::vector<PodState>& pods, const NodeStates& nodes, const Topology* topology,
                      int64_t now_ms) {
  HealSight sight;
  sight.topology = topology;
  sight.mode = cluster.spec.healing.mode;
  for (const PodState& pod : pods) {
    HealBroker& broker = sight.brokers.emplace_back();
    const resources::Member* member = formation.Find(pod.broker.value());
    broker.id = pod.broker;
    broker.pod = pod.name;
    broker.pod_uid = pod.uid;
    broker.wanted = member != nullptr && member->runs;
    broker.running = pod.phase == "Running";
    broker.started = pod.started;
    broker.deleting = pod.deleting;
    if (pod.deleting) broker.overdue_ms = now_ms - pod.deletion_time_ms;
    broker.crash_looping = pod.crash_looping;
    broker.restarts = pod.restarts;
    broker.stuck_pending = !pod.trouble.empty() && !pod.crash_looping;
    broker.node = pod.node;
    const auto node = nodes.find(pod.node);
    if (node != nodes.end()) broker.node_state = node->second;
  }
  return sight;
}

void AddHealing(const HealPlan& plan, const ClusterResource& cluster, std::vector<PlannedStep>* steps) {
  std::vector<PlannedStep> healing;
  for (const HealStep& heal : plan.steps) {
    const bool going = std::any_of(steps->begin(), steps->end(), [&](const PlannedStep& step) {
      return step.kind == PlannedStep::Kind::kDelete && step.uid == heal.pod_uid && !step.blocked();
    });
    if (!going) healing.push_back(ToStep(heal, cluster));
  }
  steps->insert(steps->begin(), std::make_move_iterator(healing.begin()),
                std::make_move_iterator(healing.end()));
}

}  // namespace dohle::reconcile
