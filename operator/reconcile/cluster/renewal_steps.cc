#include "operator/reconcile/cluster/renewal_steps.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "operator/reconcile/cluster/cluster_roll.h"
#include "operator/reconcile/cluster/cluster_status.h"
#include "operator/reconcile/cluster/drain.h"
#include "operator/reconcile/cluster/occupancy.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using resources::Member;
using resources::Removal;

constexpr const char* kAction = "RenewVolumes";

std::string Named(int32_t broker) { return fmt::format("Broker/{}", broker); }

PlannedStep Step(const ClusterResource& cluster, int32_t broker, std::string reason, std::string blocked_by) {
  PlannedStep step;
  step.kind = PlannedStep::Kind::kKafka;
  step.resource = k8s::kClusters;
  step.name = cluster.meta.name;
  step.shown = {kAction, Named(broker), std::move(reason), std::move(blocked_by)};
  return step;
}

PlannedStep Wait(const ClusterResource& cluster, int32_t broker, std::string reason, std::string blocked_by) {
  PlannedStep step = Step(cluster, broker, std::move(reason), std::move(blocked_by));
  step.awaited = true;
  return step;
}

std::vector<PlannedStep> Drain(const ClusterResource& cluster, const RenewalPlan& renewals,
                               const Topology& topology) {
  const int32_t id = *renewals.broker;
  const std::vector<NodeId> leaving = {NodeId(id)};
  if (!IsClosed(topology, NodeId(id)))
    return {Wait(cluster, id, renewals.reason, "it is to be closed to new replicas")};
  std::vector<ReassignPartitions::Move> moves = MovesOnto(topology, leaving);
  for (auto& move : MovesOff(topology, leaving)) moves.push_back(std::move(move));
  if (moves.empty()) return {Wait(cluster, id, renewals.reason, WhyNotStopped(topology, NodeId(id)))};
  PlannedStep step = Step(cluster, id,
                          fmt::format("{}: {} of {} replicas move to other brokers", renewals.reason,
                                      moves.size(), ReplicasOn(topology, NodeId(id))),
                          "");
  step.shown.action = "MoveReplicas";
  step.action = std::make_shared<const KafkaAction>(ReassignPartitions{std::move(moves)});
  return {std::move(step)};
}

// The claims that aren't as asked; all, if the first volume is among them: the broker's place in the quorum
// is on it, and it isn't made anew beside older ones.
std::vector<PlannedStep> DeleteClaims(const ClusterResource& cluster, int32_t id, const LiveObjects& live,
                                      const std::string& reason) {
  std::vector<PlannedStep> steps;
  bool all = false;
  const auto claims = live.find(k8s::kPersistentVolumeClaims.plural);
  if (claims == live.end()) return steps;
  for (const api::StorageVolume& volume : cluster.spec.storage.volumes) {
    const k8s::ObjectName name{cluster.meta.name.ns,
                               resources::ClaimName(volume.name, cluster.meta.name.name, id)};
    const auto found = claims->second.find(name);
    if (found == claims->second.end()) continue;
    const OwnedObject& object = *found->second;
    const Claim claim = ReadClaim(object.meta, *object.body);
    const auto& grow = volume.auto_grow ? volume.auto_grow : cluster.spec.storage.auto_grow;
    const bool renewed = !WhyRenewed(volume, claim, SizeOf(volume, grow, claim, {})).empty();
    all = all || (renewed && &volume == &cluster.spec.storage.volumes.front());
    if (object.meta.deleting() || (!renewed && !all)) continue;
    PlannedStep& step = steps.emplace_back();
    step.kind = PlannedStep::Kind::kDelete;
    step.resource = k8s::kPersistentVolumeClaims;
    step.name = name;
    step.uid = object.meta.uid;
    step.shown = {"DeleteClaim", "PersistentVolumeClaim/" + name.name,
                  fmt::format("{}; nobody needs what is on it", reason), ""};
  }
  return steps;
}

}  // namespace

RenewalPlan RenewalsOf(const ClusterResource& cluster, const LiveObjects& live,
                       const std::vector<Member>& members, const Topology* topology,
                       const std::string& hold) {
  std::vector<RenewalCase> cases;
  std::vector<int32_t> ids;
  const auto claims = live.find(k8s::kPersistentVolumeClaims.plural);
  for (const Member& member : members) {
    ids.push_back(member.id);
    RenewalCase what{.broker = member.id, .reason = "", .new_bytes = 0, .begun = false};
    what.begun = member.removal == Removal::kDraining || member.removal == Removal::kStopping;
    for (const api::StorageVolume& volume : cluster.spec.storage.volumes) {
      if (claims == live.end()) break;
      const auto found = claims->second.find(
          {cluster.meta.name.ns, resources::ClaimName(volume.name, cluster.meta.name.name, member.id)});
      if (found == claims->second.end() || found->second->meta.deleting()) continue;
      const Claim claim = ReadClaim(found->second->meta, *found->second->body);
      const auto& grow = volume.auto_grow ? volume.auto_grow : cluster.spec.storage.auto_grow;
      what.new_bytes += NewSize(volume, grow, claim.grown);
      std::string why = WhyRenewed(volume, claim, SizeOf(volume, grow, claim, {}));
      if (what.reason.empty()) what.reason = std::move(why);
    }
    if (!what.reason.empty()) cases.push_back(std::move(what));
  }
  return PlanRenewals(cases, ids, topology, hold);
}

Removal NextRenewal(const Member& member, bool has_pod, const Topology* topology) {
  const bool stopping = member.removal == Removal::kStopping;
  if (topology == nullptr) return stopping ? Removal::kStopping : Removal::kDraining;
  const NodeId id(member.id);
  if (stopping) {
    const bool back = has_pod ? !WhyNotStopped(*topology, id).empty() : IsNeeded(*topology, id);
    return back ? Removal::kDraining : Removal::kStopping;
  }
  const bool draining = member.removal == Removal::kDraining;
  return draining && WhyNotStopped(*topology, id).empty() ? Removal::kStopping : Removal::kDraining;
}

std::vector<PlannedStep> PlanRenewal(const ClusterResource& cluster, const Formation& formation,
                                     const LiveObjects& live, const Topology* topology) {
  const RenewalPlan& renewals = formation.renewals;
  std::vector<PlannedStep> steps;
  if (renewals.broker) {
    const int32_t id = *renewals.broker;
    const Member* member = formation.Find(id);
    const auto pods = live.find(k8s::kPods.plural);
    const bool has_pod =
        pods != live.end() &&
        pods->second.contains({cluster.meta.name.ns, resources::PodName(cluster.meta.name.name, id)});
    if (topology == nullptr) {
      steps.push_back(Wait(cluster, id, renewals.reason, "no broker tells what there is"));
    } else if (member != nullptr && member->runs) {
      steps = Drain(cluster, renewals, *topology);
    } else if (has_pod) {
      steps.push_back(Wait(cluster, id, renewals.reason, "it is to be stopped"));
    } else if (std::string why = WhyNotDeleted(*topology, NodeId(id)); !why.empty()) {
      steps.push_back(Wait(cluster, id, renewals.reason, std::move(why)));
    } else {
      steps = DeleteClaims(cluster, id, live, renewals.reason);
    }
  }
  for (const RenewalPlan::Waiting& waiting : renewals.waiting) {
    PlannedStep& step = steps.emplace_back(Step(cluster, waiting.broker, waiting.reason, waiting.blocked_by));
    step.awaited = waiting.passes;
    step.background = step.far_off = !waiting.passes;
    step.degraded_as = kReasonBlocked;
  }
  return steps;
}

void PermitStop(const ClusterResource& cluster, const Formation& formation, const Topology* topology,
                int64_t now_ms, std::vector<PlannedStep>* steps) {
  if (!formation.renewals.broker || topology == nullptr) return;
  const NodeId id(*formation.renewals.broker);
  const BrokerPlace* broker = FindBroker(*topology, id);
  const std::string pod = resources::PodName(cluster.meta.name.name, id.value());
  for (PlannedStep& step : *steps) {
    if (step.kind != PlannedStep::Kind::kDelete || step.resource != k8s::kPods || step.name.name != pod)
      continue;
    if (broker == nullptr || broker->fenced) continue;
    step.restarts = id;
    step.action = RestartPermit(id, cluster.spec, now_ms);
  }
}

}  // namespace dohle::reconcile
