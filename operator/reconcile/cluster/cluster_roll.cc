#include "operator/reconcile/cluster/cluster_roll.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

// The broker's own key (README.md): the active controller grants it or refuses.
constexpr const char* kRestartPermit = "dohle.restart.permit.until.ms";
// Besides the time that the broker may take to stop.
constexpr int64_t kPermitMs = 60'000;
constexpr int64_t kLongestPermitMs = 15 * 60'000;  // that is granted

PlannedStep Election(const RollPlan& roll, const ClusterResource& cluster) {
  PlannedStep step;
  step.kind = PlannedStep::Kind::kKafka;
  step.resource = k8s::kClusters;
  step.name = cluster.meta.name;
  step.action = std::make_shared<const KafkaAction>(ElectPreferredLeaders{roll.leaders_to_return});
  step.shown.action = "ElectLeaders";
  step.shown.object = "Cluster/" + cluster.meta.name.name;
  step.shown.reason =
      fmt::format("{} partitions aren't led by their preferred replicas after a restart, such as {}-{}",
                  roll.leaders_to_return.size(), roll.leaders_to_return.front().first,
                  roll.leaders_to_return.front().second);
  return step;
}

// The steps of a wave in its order, at the places that they have.
void Order(const std::vector<NodeId>& wave, std::vector<PlannedStep>* steps) {
  const auto place = [&](const PlannedStep& step) {
    return std::find(wave.begin(), wave.end(), step.restarts) - wave.begin();
  };
  std::vector<PlannedStep> of_wave;
  for (PlannedStep& step : *steps) {
    if (step.restarts != kNoNode && place(step) < std::ssize(wave)) of_wave.push_back(step);
  }
  std::stable_sort(of_wave.begin(), of_wave.end(),
                   [&](const PlannedStep& a, const PlannedStep& b) { return place(a) < place(b); });
  auto next = of_wave.begin();
  for (PlannedStep& step : *steps) {
    if (step.restarts != kNoNode && place(step) < std::ssize(wave)) step = std::move(*next++);
  }
}

}  // namespace

std::shared_ptr<const KafkaAction> RestartPermit(NodeId broker, const api::ClusterSpec& spec,
                                                 int64_t now_ms) {
  const int64_t length_ms = std::min(kPermitMs + spec.termination_grace_period_seconds * int64_t{1000},
                                     kLongestPermitMs - kPermitMs);
  AlterConfigs::Change change;
  change.kind = AlterConfigs::Kind::kBroker;
  change.name = fmt::format("{}", broker.value());
  change.key = kRestartPermit;
  change.value = fmt::format("{}", now_ms + length_ms);
  AlterConfigs action;
  action.changes.push_back(std::move(change));
  return std::make_shared<const KafkaAction>(std::move(action));
}

std::vector<RollBroker> RollBrokers(const std::vector<PodState>& pods, const std::vector<PlannedStep>& steps,
                                    const std::function<bool(const std::string& pod)>& changing,
                                    const std::string& cluster_name) {
  std::vector<RollBroker> brokers;
  for (const PodState& pod : pods) {
    RollBroker& broker = brokers.emplace_back();
    broker.id = pod.broker;
    broker.pod = !pod.name.empty();
    broker.ready = pod.ready;
    broker.deleting = pod.deleting;
    broker.since_ms = pod.ready_since_ms;
    broker.trouble = pod.trouble_message;
    broker.changing = changing(resources::PodName(cluster_name, broker.id.value()));
    broker.restart = std::any_of(steps.begin(), steps.end(),
                                 [&](const PlannedStep& step) { return step.restarts == broker.id; });
  }
  return brokers;
}

RollLimits LimitsOf(const api::ClusterSpec& spec, int32_t brokers) {
  RollLimits limits;
  limits.max_unavailable = MaxUnavailable(spec.roll.max_unavailable, brokers);
  limits.ready_patience_ms = spec.roll.ready_timeout_seconds * int64_t{1000};
  return limits;
}

void ApplyRoll(const RollPlan& roll, const ClusterResource& cluster, int64_t now_ms,
               std::vector<PlannedStep>* steps) {
  Order(roll.wave, steps);
  for (PlannedStep& step : *steps) {
    if (step.restarts == kNoNode) continue;
    if (std::find(roll.wave.begin(), roll.wave.end(), step.restarts) != roll.wave.end()) {
      step.shown.reason += "; " + roll.wave_reason;
      if (roll.serves) step.action = RestartPermit(step.restarts, cluster.spec, now_ms);
    } else {
      step.awaited = true;
      step.shown.blocked_by = roll.waits;
    }
  }
  if (!roll.leaders_to_return.empty()) steps->insert(steps->begin(), Election(roll, cluster));
}

}  // namespace dohle::reconcile
