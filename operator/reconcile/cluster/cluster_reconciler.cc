#include "operator/reconcile/cluster/cluster_reconciler.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "operator/api/encode.h"
#include "operator/reconcile/cluster/cluster_objects.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/rolling_restart.h"
#include "operator/reconcile/cluster/scale_steps.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {

ClusterReconciler::ClusterReconciler(Parts parts) : parts_(std::move(parts)), expected_(parts_.clock) {}

env::Task<runtime::Reconciled> ClusterReconciler::Reconcile(k8s::ObjectName name) {
  const Ref cluster = parts_.clusters.Get(name);
  if (cluster == nullptr) {
    statuses_.erase(name);
    step_failures_.erase(name);
    co_return std::nullopt;
  }
  // What it owns is collected by the API server; nothing of ours holds it up.
  if (cluster->meta.deleting()) co_return std::nullopt;

  ClusterSighting seen = co_await See(cluster);
  // What failed before is told until it succeeds: a status that changed to and fro with each attempt would
  // itself bring on the next one.
  if (!seen.steps.empty()) seen.step_failure = step_failures_[name];
  api::ClusterStatus status = StatusOf(seen, parts_.clock.WallTimeMs());
  DOHLE_CO_RETURN_IF_ERROR(co_await WriteStatus(cluster, status));
  if (seen.steps.empty() || cluster->spec.paused) {
    const bool at_rest = status.phase == "Ready" || status.phase == "Paused" || status.phase == "Invalid" ||
                         status.phase == "Hibernated";
    co_return at_rest ? std::optional(kClusterResync) : std::optional(kClusterPoll);
  }
  seen.step_failure = co_await Act(cluster, &seen);
  step_failures_[name] = seen.step_failure;
  if (!seen.step_failure.ok()) {
    status = StatusOf(seen, parts_.clock.WallTimeMs());
    DOHLE_CO_RETURN_IF_ERROR(co_await WriteStatus(cluster, std::move(status)));
    co_return seen.step_failure;
  }
  co_return std::optional(kClusterPoll);
}

env::Task<ClusterSighting> ClusterReconciler::See(Ref cluster) {
  ClusterSighting seen;
  seen.cluster = cluster.get();
  seen.facts_status = MakeStatus(StatusCode::kFailedPrecondition, "no broker is ready");
  const std::vector<PodState> pods = LiveBrokerPods(*cluster, parts_.live(cluster->meta.name));
  for (const PodState& pod : pods) {
    if (!pod.ready) continue;
    const std::string address = ProbeAddress(*cluster, pod);
    StatusOr<Topology> topology = co_await parts_.kafka.Observe(address);
    seen.facts_status = topology.status();
    if (!topology.ok()) continue;
    seen.topology = *std::move(topology);
    seen.facts = FactsOf(seen.topology);
    seen.bootstrap = address;
    break;
  }
  // After the answer: a plan is made of what is there when it is carried out.
  const LiveObjects live = parts_.live(cluster->meta.name);
  seen.formation = FormationOf(*cluster, live, seen.facts_status.ok() ? &seen.topology : nullptr);
  seen.pods = BrokerPods(*cluster, seen.formation, live);
  seen.listeners = ListenerAddresses(*cluster, live, parts_.options);
  if (cluster->faults.empty()) seen.steps = Plan(*cluster, live, seen);
  co_return seen;
}

std::vector<PlannedStep> ClusterReconciler::Plan(const ClusterResource& cluster, const LiveObjects& live,
                                                 const ClusterSighting& seen) const {
  const Topology* topology = seen.facts_status.ok() ? &seen.topology : nullptr;
  std::vector<PlannedStep> scale =
      PlanScale(cluster, seen.formation, seen.pods, topology, parts_.options.addressing);
  std::vector<PlannedStep> claims = PlanClaimRemoval(cluster, seen.formation, live);
  scale.insert(scale.end(), std::make_move_iterator(claims.begin()), std::make_move_iterator(claims.end()));
  std::string no_restart = WhyNoRestart(seen.pods, seen.facts_status, seen.facts);
  if (no_restart.empty()) no_restart = WhyNoRestartWhileScaling(seen.formation, scale);
  for (const PodState& pod : seen.pods) {
    const std::string name = resources::PodName(cluster.meta.name.name, pod.id);
    if (seen.pods.size() > 1 && expected_.Pending(k8s::kPods, {cluster.meta.name.ns, name}))
      no_restart = "Pod " + name + " is changing";
  }
  const std::vector<DesiredObject> desired = DesiredObjects(cluster, seen.formation, live, parts_.options);
  std::vector<PlannedStep> steps =
      PlanCluster(cluster.meta.name.name, cluster.meta.uid, desired, live, no_restart);
  Explain(cluster, seen.formation, &steps);
  steps.insert(steps.end(), std::make_move_iterator(scale.begin()), std::make_move_iterator(scale.end()));
  for (PlannedStep& step : steps) {
    step.awaited = step.awaited || expected_.Pending(step.resource, step.name);
  }
  if (!seen.formation.refusal.empty()) steps.insert(steps.begin(), RefusedScaling(cluster, seen.formation));
  return steps;
}

env::Task<Status> ClusterReconciler::WriteStatus(Ref cluster, api::ClusterStatus status) {
  k8s::Json encoded = api::EncodeStatus(status);
  const auto last = statuses_.find(cluster->meta.name);
  const bool known = encoded == api::EncodeStatus(cluster->status);
  if (last == statuses_.end() || last->second.phase != status.phase) TellTransition(*cluster, status);
  statuses_[cluster->meta.name] = std::move(status);
  if (known) co_return OkStatus();
  k8s::Json object = k8s::NewObject(k8s::kClusters, cluster->meta.name);
  object["status"] = std::move(encoded);
  k8s::ApplyOptions options;
  options.field_manager = kFieldManager;
  options.subresource = k8s::Subresource::kStatus;
  const StatusOr<k8s::Json> written = co_await parts_.client.Apply(k8s::kClusters, object, options);
  // Gone since it was looked at: nobody is left to be told.
  if (absl::IsNotFound(written.status())) co_return OkStatus();
  co_return written.status();
}

env::Task<Status> ClusterReconciler::Act(Ref cluster, ClusterSighting* seen) {
  std::vector<PlannedStep>& steps = seen->steps;
  while (!steps.empty()) {
    const auto next = std::find_if(steps.begin(), steps.end(),
                                   [](const PlannedStep& step) { return !step.blocked() && !step.awaited; });
    if (next == steps.end()) co_return OkStatus();
    const Status taken = co_await Take(cluster->meta.uid, seen->bootstrap, *next);
    if (!taken.ok()) {
      parts_.events.Warning(k8s::kClusters, cluster->meta, kReasonStepFailed, next->shown.action,
                            fmt::format("{}: {}", next->shown.object, Message(taken)));
      co_return MakeStatus(taken.code(), "{}: {}", next->shown.object, Message(taken));
    }
    if (next->kind != PlannedStep::Kind::kKafka) expected_.Expect(next->resource, next->name);
    parts_.events.Normal(k8s::kClusters, cluster->meta, next->shown.action, next->shown.action,
                         fmt::format("{}: {}", next->shown.object, next->shown.reason));
    log::Info("operator", "cluster {}: {} {}: {}", ToString(cluster->meta.name), next->shown.action,
              next->shown.object, next->shown.reason);
    steps.erase(next);
  }
  co_return OkStatus();
}

// The informers know only what bears our label: an apply would take over what somebody else made.
env::Task<Status> ClusterReconciler::CheckFree(std::string cluster_uid, const PlannedStep& step) {
  const StatusOr<k8s::Json> there = co_await parts_.client.Get(step.resource, step.name);
  if (absl::IsNotFound(there.status())) co_return OkStatus();
  DOHLE_CO_RETURN_IF_ERROR(there.status());
  const StatusOr<k8s::ObjectMeta> meta = k8s::ReadMeta(*there);
  DOHLE_CO_RETURN_IF_ERROR(meta.status());
  if (meta->ControlledBy(cluster_uid)) co_return OkStatus();
  co_return MakeStatus(StatusCode::kFailedPrecondition,
                       "there is a {} of that name which this Cluster didn't make: delete or rename it",
                       step.resource.kind);
}

env::Task<Status> ClusterReconciler::Take(std::string cluster_uid, std::string bootstrap,
                                          const PlannedStep& step) {
  if (step.kind == PlannedStep::Kind::kKafka) {
    co_return co_await parts_.kafka.Take(std::move(bootstrap), *step.action);
  }
  if (step.kind == PlannedStep::Kind::kApply) {
    if (step.fresh) DOHLE_CO_RETURN_IF_ERROR(co_await CheckFree(cluster_uid, step));
    k8s::ApplyOptions options;
    options.field_manager = kFieldManager;
    co_return (co_await parts_.client.Apply(step.resource, *step.body, options)).status();
  }
  k8s::DeleteOptions options;
  options.uid = step.uid;
  const Status deleted = co_await parts_.client.Delete(step.resource, step.name, options);
  // Gone already, or another one by now: either way not what was to be deleted.
  if (absl::IsNotFound(deleted) || absl::IsAborted(deleted)) co_return OkStatus();
  co_return deleted;
}

void ClusterReconciler::TellTransition(const ClusterResource& cluster, const api::ClusterStatus& now) {
  const api::Condition* ready = api::FindCondition(now.conditions, "Ready");
  const api::Condition* degraded = api::FindCondition(now.conditions, "Degraded");
  const bool bad = degraded != nullptr && degraded->status == "True";
  const api::Condition* told = bad ? degraded : ready;
  if (told == nullptr) return;
  if (bad) {
    parts_.events.Warning(k8s::kClusters, cluster.meta, told->reason, now.phase, told->message);
  } else {
    parts_.events.Normal(k8s::kClusters, cluster.meta, told->reason, now.phase, told->message);
  }
  log::Info("operator", "cluster {} is {}: {}", ToString(cluster.meta.name), now.phase, told->message);
}

}  // namespace dohle::reconcile
