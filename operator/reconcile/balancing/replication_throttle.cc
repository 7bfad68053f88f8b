#include "operator/reconcile/balancing/replication_throttle.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {
namespace {

constexpr const char* kRates[] = {kLeaderThrottle, kFollowerThrottle};
constexpr const char* kReplicas[] = {"leader.replication.throttled.replicas", kThrottledReplicas};

// Of what is to spare; the rest is for what comes unannounced.
constexpr double kShare = 0.8;

int64_t TwoDigits(double value) {
  const double unit = std::pow(10, std::max(0.0, std::floor(std::log10(std::max(value, 1.0))) - 1));
  return static_cast<int64_t>(std::floor(value / unit) * unit);
}

}  // namespace

int64_t ThrottleRate(const Topology& topology, const ThrottleGoals& goals) {
  if (goals.bytes_per_second > 0) return goals.bytes_per_second;
  if (goals.broker_bytes_per_second <= 0) return 0;
  double busiest = 0;
  const Placement placement(topology, {});
  for (const PlacedBroker& broker : placement.brokers()) {
    for (const Load load : {Load::kBytesIn, Load::kBytesOut})
      busiest = std::max(busiest, broker.load[static_cast<size_t>(load)]);
  }
  const double spare = kShare * (static_cast<double>(goals.broker_bytes_per_second) - busiest);
  return std::max(goals.least_bytes_per_second, TwoDigits(std::max(spare, 0.0)));
}

std::map<std::string, std::string> ThrottleConfigs(int64_t bytes_per_second) {
  std::map<std::string, std::string> configs;
  if (bytes_per_second <= 0) return configs;
  for (const char* key : kRates) configs[key] = std::to_string(bytes_per_second);
  return configs;
}

int64_t ThrottleOf(const std::map<std::string, std::string>& configs) {
  for (const char* key : kRates) {
    const auto it = configs.find(key);
    if (it == configs.end()) continue;
    int64_t rate = 0;
    std::from_chars(it->second.data(), it->second.data() + it->second.size(), rate);
    return std::max<int64_t>(rate, 1);
  }
  return 0;
}

bool Copies(const Topology& topology) {
  return std::any_of(topology.partitions.begin(), topology.partitions.end(),
                     [](const PartitionPlace& place) { return !place.adding.empty(); });
}

AlterConfigs ThrottleTopics(const Topology& topology, bool wanted) {
  AlterConfigs changes;
  if (!topology.throttled_topics) return changes;
  const auto change = [&](const std::string& topic, const std::optional<std::string>& value) {
    for (const char* key : kReplicas)
      changes.changes.push_back({AlterConfigs::Kind::kTopic, topic, key, value});
  };
  std::set<std::string> copied;
  for (const PartitionPlace& place : topology.partitions) {
    if (wanted && !place.adding.empty()) copied.insert(topology.topics[place.topic].name);
  }
  for (const std::string& topic : copied) {
    if (!topology.throttled_topics->contains(topic)) change(topic, "*");
  }
  for (const auto& [topic, replicas] : *topology.throttled_topics) {
    if (replicas == "*" && !copied.contains(topic)) change(topic, std::nullopt);
  }
  return changes;
}

}  // namespace dohle::reconcile
