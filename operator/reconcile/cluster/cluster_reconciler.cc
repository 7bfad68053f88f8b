#include "operator/reconcile/cluster/cluster_reconciler.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "lib/kafka/client/kafka_status.h"
#include "operator/api/encode.h"
#include "operator/reconcile/balancing/replication_throttle.h"
#include "operator/reconcile/cluster/cluster_healing.h"
#include "operator/reconcile/cluster/cluster_objects.h"
#include "operator/reconcile/cluster/cluster_roll.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/scale_steps.h"
#include "operator/reconcile/cluster/upgrade_steps.h"
#include "operator/reconcile/look_interval.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {

namespace {

bool Moves(const PlannedStep& step) {
  return step.action != nullptr && (std::holds_alternative<ReassignPartitions>(*step.action) ||
                                    std::holds_alternative<ElectPreferredLeaders>(*step.action));
}

}  // namespace

ClusterReconciler::ClusterReconciler(Parts parts)
    : parts_(std::move(parts)), expected_(parts_.clock), versions_(parts_.ask_version) {}

env::Task<runtime::Reconciled> ClusterReconciler::Reconcile(k8s::ObjectName name) {
  const Ref cluster = parts_.clusters.Get(name);
  if (cluster == nullptr) {
    statuses_.erase(name);
    step_failures_.erase(name);
    versions_.Forget(name);
    rolls_.erase(name);
    health_.erase(name);
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
    co_return std::optional(at_rest ? Resync(seen.topology) : kClusterPoll);
  }
  const bool far_off =
      std::all_of(seen.steps.begin(), seen.steps.end(), [](const PlannedStep& step) { return step.far_off; });
  seen.step_failure = co_await Act(cluster, &seen);
  step_failures_[name] = seen.step_failure;
  if (!seen.step_failure.ok()) {
    status = StatusOf(seen, parts_.clock.WallTimeMs());
    DOHLE_CO_RETURN_IF_ERROR(co_await WriteStatus(cluster, std::move(status)));
    co_return seen.step_failure;
  }
  co_return std::optional(far_off ? Resync(seen.topology) : kClusterPoll);
}

absl::Duration ClusterReconciler::Resync(const Topology& topology) const {
  const size_t partitions = topology.partitions.size() * parts_.clusters.all().size();
  return std::min(LookInterval(kClusterResync, partitions), kLongestClusterResync);
}

env::Task<ClusterSighting> ClusterReconciler::See(Ref cluster) {
  ClusterSighting seen;
  seen.cluster = cluster.get();
  seen.facts_status = MakeStatus(StatusCode::kFailedPrecondition, "no broker is ready");
  const std::vector<PodState> pods = LiveBrokerPods(*cluster, parts_.live(cluster->meta.name));
  std::vector<std::string> addresses;
  for (const PodState& pod : pods) {
    if (pod.ready) addresses.push_back(ProbeAddress(*cluster, pod));
  }
  const std::string answered = health_[cluster->meta.name].answered;
  std::stable_partition(addresses.begin(), addresses.end(),
                        [&](const std::string& address) { return address == answered; });
  for (const std::string& address : addresses) {
    // First: what is seen of the replicas is to be as fresh as can be.
    co_await Listen(cluster, address);
    StatusOr<Topology> topology = co_await parts_.kafka.Observe(address);
    seen.facts_status = topology.status();
    if (!topology.ok()) continue;
    seen.topology = *std::move(topology);
    seen.facts = FactsOf(seen.topology);
    seen.bootstrap = health_[cluster->meta.name].answered = address;
    seen.features = co_await parts_.kafka.DescribeFeatures(address);
    break;
  }
  const std::vector<std::string> versions = co_await versions_.Of(cluster->meta.name, pods);
  if (parts_.options.addressing == resources::Addressing::kDns) {
    const LiveObjects before = parts_.live(cluster->meta.name);
    seen.racks = co_await FindRacks(&parts_.client, cluster, before);
  }
  const LiveObjects for_nodes = parts_.live(cluster->meta.name);
  const NodeStates nodes = co_await FindNodeStates(&parts_.client, for_nodes, parts_.clock.WallTimeMs());
  // After the answer: a plan is made of what is there when it is carried out.
  const LiveObjects live = parts_.live(cluster->meta.name);
  seen.formation = FormationOf(*cluster, live, seen.facts_status.ok() ? &seen.topology : nullptr);
  seen.pods = BrokerPods(*cluster, seen.formation, live);
  for (size_t i = 0; i < pods.size(); ++i) seen.versions[pods[i].broker] = versions[i];
  seen.listeners = ListenerAddresses(*cluster, live, parts_.options);
  seen.upgrade = cluster->status.upgrade;
  if (cluster->faults.empty()) Plan(*cluster, live, nodes, &seen);
  co_return seen;
}

env::Task<void> ClusterReconciler::Listen(Ref cluster, std::string bootstrap) {
  const k8s::ObjectName name = cluster->meta.name;
  const bool wanted = cluster->spec.roll.canary && cluster->spec.brokers > 1 && !cluster->spec.paused;
  if (!wanted || !rolls_[name].under_way) {
    rolls_[name].failing_since_ms = -1;
    co_return;
  }
  CanarySong song = co_await parts_.kafka.Sing(std::move(bootstrap), cluster->spec.brokers);
  Roll& roll = rolls_[name];
  const int64_t now_ms = parts_.clock.Now().nanoseconds() / 1'000'000;
  if (song.status.ok()) {
    roll.failing_since_ms = -1;
  } else if (roll.failing_since_ms < 0) {
    roll.failing_since_ms = now_ms;
  }
  roll.song = std::move(song);
}

std::map<k8s::ObjectName, absl::Duration> ClusterReconciler::Canaries() const {
  std::map<k8s::ObjectName, absl::Duration> canaries;
  for (const auto& [name, roll] : rolls_) {
    if (roll.song.longest > absl::ZeroDuration()) canaries[name] = roll.song.longest;
  }
  return canaries;
}

void ClusterReconciler::Plan(const ClusterResource& cluster, const LiveObjects& live, const NodeStates& nodes,
                             ClusterSighting* seen) {
  const Topology* topology = seen->facts_status.ok() ? &seen->topology : nullptr;
  std::vector<PlannedStep> scale =
      PlanScale(cluster, seen->formation, seen->pods, topology, parts_.options.addressing);
  std::vector<PlannedStep> claims = PlanClaimRemoval(cluster, seen->formation, live);
  scale.insert(scale.end(), std::make_move_iterator(claims.begin()), std::make_move_iterator(claims.end()));
  std::vector<DesiredObject> desired = DesiredObjects(cluster, seen->formation, live, parts_.options);
  AddRacks(seen->racks, live, &desired);
  const std::optional<ConfigValues> observed = topology != nullptr ? topology->broker_defaults : std::nullopt;
  // Before the ConfigMap, which remembers a throttle.
  BalanceSteps moves = PlanMoves(cluster, *seen, RememberedLiveConfig(cluster, live));
  seen->balance = std::move(moves.status);
  std::optional<PlannedStep> alter =
      ApplyLiveConfig(cluster, live, observed, ThrottleConfigs(moves.throttle), &desired);
  seen->steps = PlanCluster(cluster.meta.name.name, cluster.meta.uid, desired, live);
  PlanRestarts(cluster, WhyNoRestartWhileScaling(seen->formation, scale), seen);
  if (alter) seen->steps.push_back(*std::move(alter));
  Explain(cluster, seen->formation, &seen->steps);
  seen->steps.insert(seen->steps.end(), std::make_move_iterator(scale.begin()),
                     std::make_move_iterator(scale.end()));
  const bool restarts = std::any_of(seen->steps.begin(), seen->steps.end(),
                                    [](const PlannedStep& step) { return step.restarts != kNoNode; });
  // Replicas don't move while brokers are restarted, but from those that leave.
  if (restarts && seen->formation.leaving.empty())
    std::erase_if(moves.steps, [](const PlannedStep& step) { return Moves(step); });
  seen->steps.insert(seen->steps.end(), std::make_move_iterator(moves.steps.begin()),
                     std::make_move_iterator(moves.steps.end()));
  PlanHealing(cluster, live, nodes, seen);
  std::vector<PlannedStep> upgrade =
      PlanUpgradeSteps(cluster, parts_.options, parts_.clock.WallTimeMs(), seen);
  seen->steps.insert(seen->steps.end(), std::make_move_iterator(upgrade.begin()),
                     std::make_move_iterator(upgrade.end()));
  for (PlannedStep& step : seen->steps) {
    step.awaited = step.awaited || expected_.Pending(step.resource, step.name);
  }
  if (!seen->formation.refusal.empty())
    seen->steps.insert(seen->steps.begin(), RefusedScaling(cluster, seen->formation));
}

void ClusterReconciler::PlanHealing(const ClusterResource& cluster, const LiveObjects& live,
                                    const NodeStates& nodes, ClusterSighting* seen) {
  HealSight sight =
      HealSightOf(cluster, seen->formation, seen->pods, live, nodes,
                  seen->facts_status.ok() ? &seen->topology : nullptr, parts_.clock.WallTimeMs());
  HealWatch& watch = health_[cluster.meta.name].watch;
  watch.Look(parts_.clock.Now().nanoseconds() / 1'000'000, &sight);
  HealPlan plan = reconcile::PlanHealing(sight);
  watch.Note(plan);
  AddHealing(plan, cluster, parts_.clock.WallTimeMs(), &seen->steps);
  seen->ailments = std::move(plan.ailments);
}

BalanceSteps ClusterReconciler::PlanMoves(const ClusterResource& cluster, const ClusterSighting& seen,
                                          const ConfigValues& remembered) {
  const Formation& formation = seen.formation;
  BalanceSteps none;
  none.status = cluster.status.balance;
  if (!seen.facts_status.ok() || cluster.spec.hibernated || formation.quorum.standalone()) return none;
  ThrottleSight throttle;
  if (const auto& defaults = seen.topology.broker_defaults) {
    throttle.ours = ThrottleOf(remembered);
    throttle.others = ThrottleOf(*defaults) != 0 && throttle.ours == 0;
  }
  const bool all_ready = std::all_of(seen.pods.begin(), seen.pods.end(),
                                     [](const PodState& pod) { return pod.ready && !pod.deleting; });
  const bool settled = formation.fenced.empty() && all_ready && seen.pods.size() == formation.members.size();
  std::optional<BalanceGoals> goals = GoalsOf(formation, seen.topology);
  const bool leaves = !formation.leaving.empty();
  if (formation.members.size() < 2 || (leaves ? goals->drained.empty() : !settled)) goals.reset();
  BalanceSteps planned = PlanBalance(cluster, seen.topology, std::move(goals), throttle);
  if (leaves || !settled) planned.status = std::move(none.status);
  return planned;
}

void ClusterReconciler::PlanRestarts(const ClusterResource& cluster, const std::string& pause,
                                     ClusterSighting* seen) {
  const k8s::ObjectName& name = cluster.meta.name;
  const std::vector<RollBroker> brokers = RollBrokers(
      seen->pods, seen->steps,
      [&](const std::string& pod) { return expected_.Pending(k8s::kPods, {name.ns, pod}); }, name.name);
  RollSight sight;
  sight.now_ms = parts_.clock.Now().nanoseconds() / 1'000'000;
  sight.under_way = std::any_of(brokers.begin(), brokers.end(), [](const auto& b) { return b.restart; });
  sight.all_ready = std::all_of(brokers.begin(), brokers.end(), [](const auto& b) { return b.ready; });
  if (seen->facts_status.ok()) {
    sight.leaderless = seen->facts.offline_partitions;
    sight.behind = seen->facts.under_replicated_partitions;
  }
  Roll& state = rolls_[name];
  state.under_way = sight.under_way;
  if (state.failing_since_ms >= 0) sight.canary_failing_ms = sight.now_ms - state.failing_since_ms;
  sight.canary_trouble = Message(state.song.status);
  const std::string hold = state.watch.Look(sight);
  RollPlan roll = PlanRoll(brokers, seen->facts_status.ok() ? &seen->topology : nullptr,
                           LimitsOf(cluster.spec, static_cast<int32_t>(brokers.size())),
                           parts_.clock.WallTimeMs(), hold.empty() ? pause : hold);
  // A Cluster that grows or shrinks isn't in trouble.
  if (hold.empty() && roll.halted == pause) roll.halted.clear();
  ApplyRoll(roll, cluster, parts_.clock.WallTimeMs(), &seen->steps);
  seen->roll_halted = roll.halted;
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
    if (HeldUp(*cluster, taken, &*next)) continue;
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

bool ClusterReconciler::HeldUp(const ClusterResource& cluster, const Status& taken, PlannedStep* step) {
  const bool refused = kafka::client::KafkaError(taken) == kafka::ErrorCode::kPolicyViolation;
  if (step->restarts == kNoNode || step->action == nullptr || !refused) return false;
  parts_.events.Normal(k8s::kClusters, cluster.meta, "RestartHeldUp", step->shown.action,
                       fmt::format("{}: {}", step->shown.object, Message(taken)));
  log::Info("operator", "cluster {}: {} waits: {}", ToString(cluster.meta.name), step->shown.object,
            Message(taken));
  step->awaited = true;
  step->shown.blocked_by = Message(taken);
  return true;
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
  if (step.action != nullptr) {
    DOHLE_CO_RETURN_IF_ERROR(co_await parts_.kafka.Take(std::move(bootstrap), *step.action));
  }
  k8s::DeleteOptions options;
  options.uid = step.uid;
  options.grace_period_s = step.grace_s;
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
