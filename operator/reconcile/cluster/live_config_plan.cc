#include "operator/reconcile/cluster/live_config_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/resources/broker_config.h"
#include "operator/resources/live_config.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

constexpr const char* kMinInSyncReplicas = "min.insync.replicas";

// Brokers give values back as they understood them.
std::string Canonical(std::string value) {
  std::erase_if(value, [](char c) { return c == ' ' || c == '\t'; });
  for (char& c : value) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return value;
}

bool Has(const ConfigValues& values, const std::string& key, const std::string& value) {
  const auto it = values.find(key);
  return it != values.end() && Canonical(it->second) == Canonical(value);
}

ConfigValues ReadRemembered(const std::string& text) {
  ConfigValues values;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return values;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) values[key] = value.get<std::string>();
  }
  return values;
}

std::string Text(const std::vector<AlterConfigs::Change>& changes) {
  std::string text;
  for (const AlterConfigs::Change& change : changes) {
    if (!text.empty()) text += ", ";
    text += change.value ? fmt::format("{}={}", change.key, *change.value)
                         : fmt::format("{} back to its default", change.key);
  }
  return text;
}

}  // namespace

LiveConfigPlan PlanLiveConfig(const ConfigValues& desired, const ConfigValues& remembered,
                              const std::optional<ConfigValues>& observed, const ConfigValues& fallback) {
  LiveConfigPlan plan;
  plan.remembered = desired;
  const auto change = [&](const std::string& key, std::optional<std::string> value) {
    plan.changes.push_back({AlterConfigs::Kind::kBroker, "", key, std::move(value)});
  };
  for (const auto& [key, value] : desired) {
    if (observed && !Has(*observed, key, value)) change(key, value);
  }
  for (const auto& [key, value] : remembered) {
    if (desired.contains(key)) continue;
    if (!observed) {
      plan.remembered[key] = value;
      continue;
    }
    const auto instead = fallback.find(key);
    const bool settled = instead != fallback.end() && Has(*observed, key, instead->second);
    // Somebody else's by now, or gone.
    if (!Has(*observed, key, value) || settled) continue;
    plan.remembered[key] = value;
    change(key, instead == fallback.end() ? std::nullopt : std::optional(instead->second));
  }
  return plan;
}

ConfigValues RememberedLiveConfig(const ClusterResource& cluster, const LiveObjects& live) {
  const auto maps = live.find(k8s::kConfigMaps.plural);
  if (maps == live.end()) return {};
  const auto it = maps->second.find({cluster.meta.name.ns, resources::ConfigMapName(cluster.meta.name.name)});
  if (it == maps->second.end()) return {};
  return ReadRemembered(std::string(it->second->meta.Annotation(resources::kLiveConfigAnnotation)));
}

std::optional<PlannedStep> ApplyLiveConfig(const ClusterResource& cluster, const LiveObjects& live,
                                           const std::optional<ConfigValues>& observed,
                                           const ConfigValues& more, std::vector<DesiredObject>* desired) {
  const std::string name = resources::ConfigMapName(cluster.meta.name.name);
  const std::string annotation(resources::kLiveConfigAnnotation);
  const ConfigValues remembered = RememberedLiveConfig(cluster, live);
  ConfigValues asked = resources::LiveConfig(cluster.spec);
  asked.insert(more.begin(), more.end());
  // With eligible leader replicas (KIP-966) a cluster has to have one.
  ConfigValues fallback = resources::DefaultConfig(cluster.spec);
  std::erase_if(fallback, [](const auto& value) { return value.first != kMinInSyncReplicas; });
  LiveConfigPlan plan = PlanLiveConfig(asked, remembered, observed, fallback);
  for (DesiredObject& object : *desired) {
    const bool there =
        object.resource == k8s::kConfigMaps && k8s::FindString(object.body, "metadata.name") == name;
    if (there && !(plan.remembered.empty() && remembered.empty()))
      object.body["metadata"]["annotations"][annotation] = Json(plan.remembered).dump();
  }
  if (plan.changes.empty()) return std::nullopt;
  PlannedStep step;
  step.kind = PlannedStep::Kind::kKafka;
  step.resource = k8s::kClusters;
  step.name = cluster.meta.name;
  step.shown.action = "AlterConfig";
  step.shown.object = "Cluster/" + cluster.meta.name.name;
  step.shown.reason = fmt::format("set while the brokers run: {}", Text(plan.changes));
  // What is set for a while and taken back holds nothing up.
  step.background = std::all_of(plan.changes.begin(), plan.changes.end(), [](const auto& change) {
    return change.key == kLeaderThrottle || change.key == kFollowerThrottle;
  });
  step.action = std::make_shared<const KafkaAction>(AlterConfigs{std::move(plan.changes)});
  return step;
}

}  // namespace dohle::reconcile
