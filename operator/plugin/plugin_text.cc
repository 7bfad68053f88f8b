#include "operator/plugin/plugin_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "lib/base/aligned_text.h"
#include "operator/k8s/object.h"

namespace dohle::plugin {
namespace {

using k8s::Find;
using k8s::FindInt;
using k8s::FindString;
using k8s::Json;

constexpr std::string_view kRedacted = "(redacted)";
constexpr std::array<std::string_view, 7> kSecretWords = {"password", "passwd",  "secret",      "jaas",
                                                          "token",    "private", "keystore.key"};

std::string OrDash(std::string text) { return text.empty() ? "-" : text; }

const Json& ListAt(const Json& object, std::string_view path) {
  static const Json* const kNone = new Json(Json::array());
  const Json* list = Find(object, path);
  return list != nullptr && list->is_array() ? *list : *kNone;
}

bool MayBeSecret(std::string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// Lines "key=value" of a properties file; anything else stays as it is.
std::string RedactedLines(const std::string& text) {
  std::string redacted;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    const size_t equals = line.find('=');
    if (equals != std::string::npos && MayBeSecret(line.substr(0, equals)))
      line = line.substr(0, equals + 1) + std::string(kRedacted);
    redacted += line;
    if (end < text.size()) redacted += '\n';
    begin = end + 1;
  }
  return redacted;
}

void Redact(Json& value) {
  if (value.is_array()) {
    for (Json& element : value) Redact(element);
  }
  if (value.is_string()) value = RedactedLines(value.get_ref<const std::string&>());
  if (!value.is_object()) return;
  value.erase("managedFields");
  // An environment variable: {"name": "X_PASSWORD", "value": "..."}.
  const std::string name = FindString(value, "name");
  if (MayBeSecret(name) && value.contains("value")) value["value"] = kRedacted;
  for (auto& [key, inner] : value.items()) {
    if (MayBeSecret(key) && inner.is_string()) {
      inner = kRedacted;
    } else {
      Redact(inner);
    }
  }
}

// What runs, and what came with it or might come next.
void AddVersion(const Json& cluster, absl::FunctionRef<void(std::string, std::string)> fact) {
  const Json* upgrade = Find(cluster, "status.upgrade");
  if (upgrade == nullptr || FindString(*upgrade, "image").empty()) return;
  const std::string version = FindString(*upgrade, "version");
  fact("Version", fmt::format("{}, image {}, since {}", OrDash(version), FindString(*upgrade, "image"),
                              OrDash(FindString(*upgrade, "since"))));
  if (const Json* levels = Find(*upgrade, "levels"); levels != nullptr && levels->is_object()) {
    std::string text;
    for (const auto& [name, level] : levels->items()) {
      if (level.is_string())
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, level.get<std::string>());
    }
    fact("Feature levels", std::move(text));
  }
  const std::string available = FindString(*upgrade, "availableImage");
  if (!available.empty())
    fact("Available", available + ", which the operator came with: set spec.image to run it");
}

}  // namespace

std::string StatusText(const Json& cluster) {
  std::vector<TextRow> facts;
  const auto fact = [&](std::string name, std::string value) {
    facts.push_back({std::move(name), OrDash(std::move(value))});
  };
  fact("Cluster",
       fmt::format("{}/{}", FindString(cluster, "metadata.namespace"), FindString(cluster, "metadata.name")));
  fact("Phase", FindString(cluster, "status.phase"));
  fact("Cluster id", FindString(cluster, "status.clusterId"));
  fact("Brokers", fmt::format("{} of {} ready, {} asked for", FindInt(cluster, "status.readyReplicas", 0),
                              FindInt(cluster, "status.replicas", 0), FindInt(cluster, "spec.brokers", 1)));
  fact("Partitions",
       fmt::format("{} offline, {} under-replicated", FindInt(cluster, "status.offlinePartitions", 0),
                   FindInt(cluster, "status.underReplicatedPartitions", 0)));
  AddVersion(cluster, fact);
  for (const Json& listener : ListAt(cluster, "status.listeners")) {
    fact("Listener " + FindString(listener, "name"), FindString(listener, "bootstrap"));
  }
  for (const Json& condition : ListAt(cluster, "status.conditions")) {
    fact(FindString(condition, "type"),
         fmt::format("{} ({}) {}", FindString(condition, "status"), FindString(condition, "reason"),
                     FindString(condition, "message")));
  }
  std::vector<TextRow> brokers = {
      {"BROKER", "POD", "NODE", "READY", "LEADERS", "REPLICAS", "BYTES", "VERSION"}};
  for (const Json& broker : ListAt(cluster, "status.brokers")) {
    brokers.push_back(
        {fmt::format("{}", FindInt(broker, "id", -1)), OrDash(FindString(broker, "pod")),
         OrDash(FindString(broker, "node")), k8s::FindBool(broker, "ready", false) ? "yes" : "no",
         fmt::format("{}", FindInt(broker, "leaders", 0)), fmt::format("{}", FindInt(broker, "replicas", 0)),
         fmt::format("{}", FindInt(broker, "bytes", 0)), OrDash(FindString(broker, "version"))});
  }
  return AlignedText(facts) + "\n" + AlignedText(brokers) + "\n" + PlanText(cluster);
}

std::string PlanText(const Json& cluster) {
  const Json& plan = ListAt(cluster, "status.plan");
  if (plan.empty()) return "Plan: nothing to do\n";
  std::string text = fmt::format("Plan: {} steps\n", plan.size());
  size_t number = 0;
  for (const Json& step : plan) {
    text += fmt::format("{:3}. {} {}: {}\n", ++number, OrDash(FindString(step, "action")),
                        OrDash(FindString(step, "object")), OrDash(FindString(step, "reason")));
    const std::string blocked_by = FindString(step, "blockedBy");
    if (!blocked_by.empty()) text += "     waits: " + blocked_by + "\n";
  }
  return text;
}

std::string ReportText(std::vector<Json> objects) {
  Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
  for (Json& object : objects) {
    Redact(object);
    list["items"].push_back(std::move(object));
  }
  return list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace dohle::plugin
