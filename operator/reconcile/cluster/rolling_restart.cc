#include "operator/reconcile/cluster/rolling_restart.h"

#include <fmt/core.h>

namespace dohle::reconcile {

std::string WhyNoRestart(const std::vector<PodState>& pods, const Status& facts_status,
                         const ClusterFacts& facts) {
  if (pods.size() <= 1) return "";
  for (const PodState& pod : pods) {
    if (!pod.ready) return fmt::format("broker {} isn't ready", pod.id);
  }
  if (!facts_status.ok()) return "no broker tells whether its partitions are in sync";
  if (facts.brokers.size() < pods.size()) {
    return fmt::format("{} of {} brokers are registered", facts.brokers.size(), pods.size());
  }
  if (facts.offline_partitions > 0)
    return fmt::format("{} partitions have no leader", facts.offline_partitions);
  if (facts.under_replicated_partitions > 0) {
    return fmt::format("{} partitions have fewer in-sync replicas than replicas",
                       facts.under_replicated_partitions);
  }
  return "";
}

}  // namespace dohle::reconcile
