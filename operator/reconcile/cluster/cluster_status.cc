#include "operator/reconcile/cluster/cluster_status.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "operator/api/condition.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

// What one condition has to say.
struct Verdict {
  bool is_true = false;
  std::string_view reason;
  std::string message;
};

// What nobody waits for holds nothing up, unless it says so.
const PlannedStep* FirstBlocked(const ClusterSighting& s) {
  const auto it = std::find_if(s.steps.begin(), s.steps.end(), [](const auto& step) {
    return step.blocked() && !step.awaited && (!step.background || !step.degraded_as.empty());
  });
  return it == s.steps.end() ? nullptr : &*it;
}

const PodState* FirstInTrouble(const ClusterSighting& s) {
  const auto it =
      std::find_if(s.pods.begin(), s.pods.end(), [](const PodState& pod) { return !pod.trouble.empty(); });
  return it == s.pods.end() ? nullptr : &*it;
}

int32_t ReadyPods(const ClusterSighting& s) {
  return static_cast<int32_t>(
      std::count_if(s.pods.begin(), s.pods.end(), [](const PodState& pod) { return pod.ready; }));
}

bool AllReady(const ClusterSighting& s) { return static_cast<size_t>(ReadyPods(s)) == s.pods.size(); }

// Steps that will be taken, now or later: not those that somebody has to clear the way for.
bool UnderWay(const ClusterSighting& s) {
  return !s.cluster->spec.paused && std::any_of(s.steps.begin(), s.steps.end(), [](const PlannedStep& step) {
    return !step.far_off && (!step.blocked() || step.awaited);
  });
}

// No broker runs, and none shall.
bool Stopped(const ClusterSighting& s) { return s.pods.empty() && s.cluster->faults.empty(); }

Verdict WhyStopped(const ClusterSighting& s) {
  if (s.cluster->spec.hibernated)
    return {false, kReasonHibernated, "all brokers are stopped: set spec.hibernated to false to start them"};
  return {false, kReasonFenced,
          fmt::format("all brokers are stopped: remove the annotation {} to start them",
                      resources::kFenceAnnotation)};
}

// Something that the operator's own work will not mend by itself.
Verdict Degraded(const ClusterSighting& s) {
  if (!s.cluster->faults.empty()) return {true, kReasonInvalid, api::ToString(s.cluster->faults)};
  if (!s.step_failure.ok()) {
    return {true, kReasonStepFailed, std::string(Message(s.step_failure))};
  }
  if (!s.ailments.empty()) return {true, s.ailments.front().reason, s.ailments.front().message};
  if (const PodState* pod = FirstInTrouble(s)) return {true, pod->trouble, pod->trouble_message};
  if (!s.roll_halted.empty()) {
    return {true, kReasonRollHalted, fmt::format("the restart of brokers has stopped: {}", s.roll_halted)};
  }
  if (const PlannedStep* step = FirstBlocked(s)) {
    return {true, step->degraded_as.empty() ? kReasonBlocked : step->degraded_as,
            fmt::format("{}: {}", step->shown.object, step->shown.blocked_by)};
  }
  if (AllReady(s) && !Stopped(s) && !s.facts_status.ok()) {
    return {true, kReasonUnreachable,
            fmt::format("the brokers' Pods are ready, but none answers: {}", Message(s.facts_status))};
  }
  if (s.facts_status.ok() && s.facts.offline_partitions > 0) {
    return {true, kReasonOffline, fmt::format("{} partitions have no leader", s.facts.offline_partitions)};
  }
  // Replicas of a broker that is restarted follow by themselves.
  if (s.facts_status.ok() && s.facts.under_replicated_partitions > 0 && !UnderWay(s)) {
    return {true, kReasonUnderReplicated,
            fmt::format("{} partitions have fewer in-sync replicas than replicas",
                        s.facts.under_replicated_partitions)};
  }
  if (std::string problem = RackProblem(s.racks); !problem.empty()) {
    return {true, kReasonRackUnknown, std::move(problem)};
  }
  return {false, kReasonHealthy, "nothing is known to be wrong"};
}

Verdict Progressing(const ClusterSighting& s) {
  if (s.cluster->meta.deleting()) return {true, kReasonDeleting, "the Cluster is being deleted"};
  if (!s.cluster->faults.empty()) return {false, kReasonInvalid, "the spec has to be mended first"};
  if (s.cluster->spec.paused) return {false, kReasonPaused, "spec.paused is set: nothing is changed"};
  for (const PlannedStep& step : s.steps) {
    if (step.blocked() && (!step.awaited || step.background)) continue;
    return {true, kReasonPending,
            fmt::format("{} steps to take; next: {}, since {}", s.steps.size(), step.shown.object,
                        step.shown.reason)};
  }
  if (!AllReady(s)) {
    return {true, kReasonWaiting, fmt::format("{} of {} brokers are ready", ReadyPods(s), s.pods.size())};
  }
  if (Stopped(s)) return WhyStopped(s);
  return {false, kReasonAsAsked, "everything is as asked"};
}

Verdict Ready(const ClusterSighting& s, const Verdict& degraded, const Verdict& progressing) {
  if (s.cluster->meta.deleting()) return {false, kReasonDeleting, "the Cluster is being deleted"};
  if (!s.cluster->faults.empty()) return {false, degraded.reason, degraded.message};
  if (Stopped(s)) return WhyStopped(s);
  if (!AllReady(s) || !s.facts_status.ok()) {
    const Verdict& cause = degraded.is_true ? degraded : progressing;
    return {false, cause.reason, cause.message};
  }
  if (s.facts.offline_partitions > 0) return {false, degraded.reason, degraded.message};
  // What is asked now may differ from what runs: only then is it ready as asked.
  const bool pending =
      std::any_of(s.steps.begin(), s.steps.end(), [](const PlannedStep& step) { return !step.background; });
  if (pending && !s.cluster->spec.paused) {
    const Verdict& cause = progressing.is_true ? progressing : degraded;
    return {false, cause.reason, cause.message};
  }
  return {true, kReasonReady, fmt::format("{} of {} brokers serve", ReadyPods(s), s.pods.size())};
}

std::string PhaseOf(const ClusterSighting& s, const Verdict& ready, const Verdict& progressing,
                    const Verdict& degraded) {
  if (s.cluster->meta.deleting()) return "Deleting";
  if (!s.cluster->faults.empty()) return "Invalid";
  if (s.cluster->spec.paused) return "Paused";
  if (Stopped(s) && s.cluster->spec.hibernated) return "Hibernated";
  if (degraded.is_true) return "Degraded";
  if (ready.is_true) return "Ready";
  if (progressing.is_true) return s.cluster->status.cluster_id.empty() ? "Creating" : "Updating";
  return "Pending";
}

std::vector<api::BrokerStatus> BrokersOf(const ClusterSighting& s) {
  std::vector<api::BrokerStatus> brokers;
  for (const PodState& pod : s.pods) {
    if (pod.name.empty()) continue;
    api::BrokerStatus broker;
    broker.id = pod.broker.value();
    broker.pod = pod.name;
    broker.node = pod.node;
    broker.ready = pod.ready;
    if (const auto told = s.versions.find(pod.broker); told != s.versions.end())
      broker.version = told->second;
    for (const BrokerFacts& facts : s.facts.brokers) {
      if (facts.id != broker.id || !s.facts_status.ok()) continue;
      broker.leaders = facts.leaders;
      broker.replicas = facts.replicas;
      broker.bytes = facts.bytes;
    }
    brokers.push_back(std::move(broker));
  }
  return brokers;
}

}  // namespace

api::ClusterStatus StatusOf(const ClusterSighting& s, int64_t now_ms) {
  const Verdict degraded = Degraded(s);
  const Verdict progressing = Progressing(s);
  const Verdict ready = Ready(s, degraded, progressing);

  api::ClusterStatus status;
  status.observed_generation = s.cluster->meta.generation;
  status.phase = PhaseOf(s, ready, progressing, degraded);
  status.conditions = s.cluster->status.conditions;
  const auto set = [&](std::string type, const Verdict& verdict) {
    api::Condition condition;
    condition.type = std::move(type);
    condition.status = verdict.is_true ? "True" : "False";
    condition.reason = verdict.reason;
    condition.message = verdict.message;
    condition.observed_generation = s.cluster->meta.generation;
    api::SetCondition(status.conditions, std::move(condition), now_ms);
  };
  set("Ready", ready);
  set("Progressing", progressing);
  set("Degraded", degraded);
  status.replicas = static_cast<int32_t>(
      std::count_if(s.pods.begin(), s.pods.end(), [](const PodState& pod) { return !pod.name.empty(); }));
  status.ready_replicas = ReadyPods(s);
  status.selector = fmt::format("{}={}", resources::kClusterLabel, s.cluster->meta.name.name);
  // What is known stays known while nobody answers.
  status.cluster_id = s.facts_status.ok() ? s.facts.cluster_id : s.cluster->status.cluster_id;
  if (s.facts_status.ok()) {
    status.offline_partitions = s.facts.offline_partitions;
    status.under_replicated_partitions = s.facts.under_replicated_partitions;
  }
  status.brokers = BrokersOf(s);
  status.listeners = s.listeners;
  status.balance = s.balance;
  status.upgrade = s.upgrade;
  for (const PlannedStep& step : s.steps) {
    if (status.plan.size() == api::kMaxPlanSteps) break;
    status.plan.push_back(step.shown);
  }
  return status;
}

}  // namespace dohle::reconcile
