#include "operator/reconcile/cluster/cluster_healing.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/reconcile/cluster/cluster_roll.h"
#include "operator/reconcile/cluster/occupancy.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

const char* ActionOf(HealStep::Kind kind) {
  switch (kind) {
    case HealStep::Kind::kRestartPod:
      return "RestartHungBroker";
    case HealStep::Kind::kForceDeletePod:
      return "ForceDeletePod";
    case HealStep::Kind::kDeleteClaim:
      return "ReplaceClaim";
    case HealStep::Kind::kReplacePod:
      return "ReplaceBroker";
  }
  return "";
}

PlannedStep ToStep(const HealStep& heal, const ClusterResource& cluster, int64_t now_ms) {
  PlannedStep step;
  step.kind = PlannedStep::Kind::kDelete;
  step.resource = heal.kind == HealStep::Kind::kDeleteClaim ? k8s::kPersistentVolumeClaims : k8s::kPods;
  step.name = {cluster.meta.name.ns, heal.object};
  step.uid = heal.uid;
  if (heal.kind == HealStep::Kind::kForceDeletePod) {
    step.grace_s = 0;
  } else if (heal.serves) {
    step.restarts = heal.broker;
    step.action = RestartPermit(heal.broker, cluster.spec, now_ms);
  } else if (heal.kind != HealStep::Kind::kDeleteClaim) {
    step.grace_s = kHungGraceSeconds;
  }
  step.shown = {ActionOf(heal.kind), fmt::format("{}/{}", step.resource.kind, heal.object), heal.reason,
                heal.blocked_by};
  step.awaited = heal.awaited;
  return step;
}

// Of the mount that a log directory lies in (resources::LogDirs): ".../data/log" -> "data".
std::string MountOf(const std::string& path) {
  const size_t end = path.rfind('/');
  if (end == std::string::npos || end == 0) return "";
  const size_t begin = path.rfind('/', end - 1);
  return begin == std::string::npos ? "" : path.substr(begin + 1, end - begin - 1);
}

// A mount is called as its volume or, without Kubernetes, as its claim.
bool HasFailed(const BrokerPlace& place, const std::string& volume, const std::string& claim) {
  return std::any_of(place.failed_directories.begin(), place.failed_directories.end(),
                     [&](const std::string& path) {
                       const std::string mount = MountOf(path);
                       return mount == volume || mount == claim;
                     });
}

// Of the broker, in the order of the spec. `place` null: it isn't registered.
std::vector<HealClaim> ClaimsOf(const ClusterResource& cluster, NodeId broker, const LiveObjects& live,
                                const NodeStates& nodes, const BrokerPlace* place) {
  std::vector<HealClaim> claims;
  const auto there = live.find(k8s::kPersistentVolumeClaims.plural);
  for (const api::StorageVolume& volume : cluster.spec.storage.volumes) {
    HealClaim& claim = claims.emplace_back();
    claim.name = resources::ClaimName(volume.name, cluster.meta.name.name, broker.value());
    if (there == live.end()) continue;
    const auto found = there->second.find({cluster.meta.name.ns, claim.name});
    if (found == there->second.end()) continue;
    const OwnedObject& object = *found->second;
    claim.uid = object.meta.uid;
    claim.deleting = object.meta.deleting();
    claim.lost = k8s::FindString(*object.body, "status.phase") == "Lost";
    claim.failed = place != nullptr && HasFailed(*place, volume.name, claim.name);
    claim.node = object.meta.Annotation(kSelectedNodeAnnotation);
    const auto node = nodes.find(claim.node);
    if (node != nodes.end()) claim.node_state = node->second;
  }
  return claims;
}

}  // namespace

HealSight HealSightOf(const ClusterResource& cluster, const Formation& formation,
                      const std::vector<PodState>& pods, const LiveObjects& live, const NodeStates& nodes,
                      const Topology* topology, int64_t now_ms) {
  HealSight sight;
  sight.topology = topology;
  sight.mode = cluster.spec.healing.mode;
  sight.replace_after_ms = cluster.spec.healing.replace_after_seconds * int64_t{1000};
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
    broker.damaged = !pod.started && pod.exit_code == kDamagedDataExitCode;
    broker.no_node_for_volume = pod.no_node_for_volume;
    const BrokerPlace* place = topology == nullptr ? nullptr : FindBroker(*topology, pod.broker);
    broker.claims = ClaimsOf(cluster, pod.broker, live, nodes, place);
  }
  return sight;
}

void AddHealing(const HealPlan& plan, const ClusterResource& cluster, int64_t now_ms,
                std::vector<PlannedStep>* steps) {
  std::vector<PlannedStep> healing;
  for (const HealStep& heal : plan.steps) {
    const bool going = std::any_of(steps->begin(), steps->end(), [&](const PlannedStep& step) {
      return step.kind == PlannedStep::Kind::kDelete && step.uid == heal.uid && !step.blocked();
    });
    if (!going) healing.push_back(ToStep(heal, cluster, now_ms));
  }
  steps->insert(steps->begin(), std::make_move_iterator(healing.begin()),
                std::make_move_iterator(healing.end()));
}

}  // namespace dohle::reconcile
