#include "operator/reconcile/healing/heal_watch.h"

#include <algorithm>

namespace dohle::reconcile {
namespace {

bool IsFenced(const HealSight& sight, NodeId id) {
  const auto& brokers = sight.topology->brokers;
  return std::any_of(brokers.begin(), brokers.end(),
                     [&](const BrokerPlace& broker) { return broker.id == id && broker.fenced; });
}

}  // namespace

void HealWatch::Look(int64_t now_ms, HealSight* sight) {
  std::map<NodeId, Broker> now;
  for (HealBroker& seen : sight->brokers) {
    Broker broker = brokers_[seen.id];
    const bool same_pod = broker.pod_uid == seen.pod_uid;
    if (broker.restarting && (!same_pod || seen.deleting)) {
      ++broker.healed;
      broker.healed_ms = now_ms;
      broker.restarting = false;
    }
    if (!same_pod || broker.restarts != seen.restarts) broker.silent_since_ms = -1;
    broker.pod_uid = seen.pod_uid;
    broker.restarts = seen.restarts;
    // While nobody tells, nothing is known.
    if (sight->topology != nullptr) {
      const bool silent = seen.running && seen.started && IsFenced(*sight, seen.id);
      if (!silent) {
        broker.silent_since_ms = -1;
      } else if (broker.silent_since_ms < 0 || now_ms - broker.silent_seen_ms > kGapMs) {
        broker.silent_since_ms = now_ms;
      }
      broker.silent_seen_ms = now_ms;
    }
    std::string unusable;
    for (const HealClaim* claim : DiskTroubleOf(seen).claims) unusable += claim->uid + " ";
    if (unusable != broker.unusable) broker.unusable_since_ms = now_ms;
    broker.unusable = std::move(unusable);
    seen.unusable_ms = broker.unusable.empty() ? 0 : now_ms - broker.unusable_since_ms;
    if (now_ms - broker.healed_ms >= kForgetMs) broker.healed = 0;
    seen.fenced_ms = broker.silent_since_ms < 0 ? 0 : now_ms - broker.silent_since_ms;
    seen.healed = broker.healed;
    if (broker.healed > 0) {
      const int doublings = std::min(broker.healed - 1, 10);
      const int64_t back_off_ms = std::min(kFirstBackOffMs << doublings, kMaxBackOffMs);
      seen.back_off_ms = now_ms - broker.healed_ms < back_off_ms ? back_off_ms : 0;
    }
    now[seen.id] = std::move(broker);
  }
  brokers_ = std::move(now);
}

void HealWatch::Note(const HealPlan& plan) {
  for (auto& [id, broker] : brokers_) {
    broker.restarting =
        std::any_of(plan.steps.begin(), plan.steps.end(), [broker_id = id](const HealStep& step) {
          return step.broker == broker_id && step.kind == HealStep::Kind::kRestartPod && !step.blocked();
        });
  }
}

}  // namespace dohle::reconcile
