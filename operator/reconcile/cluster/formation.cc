#include "operator/reconcile/cluster/formation.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

// -1: it says none.
int32_t BrokerOf(const k8s::ObjectMeta& claim) {
  const std::string_view text = claim.Label(resources::kBrokerIdLabel);
  int32_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && id < api::kMaxBrokers ? id : -1;
}

}  // namespace

Formation FormationOf(const ClusterResource& cluster, const LiveObjects& live) {
  int32_t with_data = 0;
  std::optional<resources::Quorum> quorum;
  if (const auto claims = live.find(k8s::kPersistentVolumeClaims.plural); claims != live.end()) {
    for (const auto& [name, claim] : claims->second) {
      const bool ours = claim->meta.Label(resources::kManagedByLabel) == resources::kManagedBy &&
                        claim->meta.Label(resources::kClusterLabel) == cluster.meta.name.name;
      if (!ours || claim->meta.deleting()) continue;
      with_data = std::max(with_data, BrokerOf(claim->meta) + 1);
      if (!quorum) quorum = resources::ReadQuorum(claim->meta);
    }
  }
  const int32_t asked = cluster.spec.brokers;
  if (with_data == 0) return {asked, resources::NewQuorum(cluster.meta.uid, asked), ""};
  if (!quorum) {
    return {
        1,
        {},
        asked == 1
            ? ""
            : "its data is of a Cluster that was made with one broker, which can't get more yet: set brokers "
              "to 1, or make another Cluster"};
  }
  if (asked >= with_data) return {asked, *quorum, ""};
  return {with_data, *quorum,
          fmt::format("brokers can't be taken away yet, as they hold data: set brokers to {}", with_data)};
}

PlannedStep RefusedScaling(const ClusterResource& cluster, const Formation& formation) {
  PlannedStep step;
  step.resource = k8s::kClusters;
  step.name = cluster.meta.name;
  step.shown.action = "Scale";
  step.shown.object = "Cluster/" + cluster.meta.name.name;
  step.shown.reason =
      fmt::format("{} brokers are asked for, {} run", cluster.spec.brokers, formation.brokers);
  step.shown.blocked_by = formation.refusal;
  return step;
}

}  // namespace dohle::reconcile
