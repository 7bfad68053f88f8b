#include "operator/reconcile/balancing/replication_throttle.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {
namespace {

constexpr char kLeaderRate[] = "leader.replication.throttled.rate";
constexpr char kFollowerRate[] = "follower.replication.throttled.rate";
constexpr char kLeaderReplicas[] = "leader.replication.throttled.replicas";
constexpr char kFollowerReplicas[] = "follower.replication.throttled.replicas";

// Of what is to spare; the rest is for what comes unannounced.
constexpr double kShare = 0.8;

using Kind = AlterConfigs::Kind;

int64_t TwoDigits(double value) {
  const double unit = std::pow(10, std::max(0.0, std::floor(std::log10(std::max(value, 1.0))) - 1));
  return static_cast<int64_t>(std::floor(value / unit) * unit);
}

int64_t Rate(const ThrottleGoals& goals, double load) {
  if (goals.bytes_per_second > 0) return goals.bytes_per_second;
  const double spare = kShare * (static_cast<double>(goals.broker_bytes_per_second) - load);
  return std::max(goals.least_bytes_per_second, TwoDigits(std::max(spare, 0.0)));
}

bool IsThrottle(const std::string& key) {
  return key == kLeaderRate || key == kFollowerRate || key == kLeaderReplicas || key == kFollowerReplicas;
}

}  // namespace

ThrottleConfig WantedThrottle(const Topology& topology, const ThrottleGoals& goals) {
  ThrottleConfig wanted;
  if (goals.bytes_per_second <= 0 && goals.broker_bytes_per_second <= 0) return wanted;
  std::set<NodeId> senders, receivers;
  for (const PartitionPlace& place : topology.partitions) {
    if (place.adding.empty()) continue;
    // Any replica may become the leader that sends.
    senders.insert(place.replicas.begin(), place.replicas.end());
    receivers.insert(place.adding.begin(), place.adding.end());
    const std::string& topic = topology.topics[place.topic].name;
    wanted[{Kind::kTopic, topic, kLeaderReplicas}] = "*";
    wanted[{Kind::kTopic, topic, kFollowerReplicas}] = "*";
  }
  if (receivers.empty()) return wanted;
  const Placement placement(topology, {});
  for (const PlacedBroker& broker : placement.brokers()) {
    const std::string name = std::to_string(broker.id.value());
    if (senders.contains(broker.id)) {
      const double load = broker.load[static_cast<size_t>(Load::kBytesOut)];
      wanted[{Kind::kBroker, name, kLeaderRate}] = std::to_string(Rate(goals, load));
    }
    if (receivers.contains(broker.id)) {
      const double load = broker.load[static_cast<size_t>(Load::kBytesIn)];
      wanted[{Kind::kBroker, name, kFollowerRate}] = std::to_string(Rate(goals, load));
    }
  }
  return wanted;
}

AlterConfigs ThrottleChanges(const ThrottleConfig& set, const ThrottleConfig& wanted) {
  AlterConfigs changes;
  for (const auto& [what, value] : wanted) {
    const auto it = set.find(what);
    if (it != set.end() && it->second == value) continue;
    const auto& [kind, name, key] = what;
    changes.changes.push_back({kind, name, key, value});
  }
  for (const auto& [what, value] : set) {
    const auto& [kind, name, key] = what;
    if (!IsThrottle(key) || wanted.contains(what)) continue;
    changes.changes.push_back({kind, name, key, std::nullopt});
  }
  return changes;
}

}  // namespace dohle::reconcile
