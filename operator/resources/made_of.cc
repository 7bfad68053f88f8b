#include "operator/resources/made_of.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "operator/api/fields.h"
#include "operator/resources/broker_config.h"
#include "operator/resources/live_config.h"
#include "operator/resources/names.h"
#include "operator/resources/pod.h"

namespace dohle::resources {
namespace {

using k8s::Json;

constexpr const char* kConfig = "config";
constexpr std::string_view kNodePort = "{nodePort}";

Json ConfigPart(const api::ClusterSpec& spec) {
  Json part = Json::object();
  for (const auto& [key, value] : spec.config) {
    if (!IsLiveKey(key)) part[key] = Digest(value);
  }
  return part;
}

Json ProbePart(const api::Probe& probe) {
  return {{"period", probe.period_seconds},
          {"timeout", probe.timeout_seconds},
          {"failures", probe.failure_threshold}};
}

// With what Kubernetes chose for it, if clients are told of that.
Json ListenerPart(const Subject& subject, const api::Listener& listener, int32_t id,
                  const ServiceFactsByName& services) {
  Json part = {{"name", listener.name}, {"port", listener.port}, {"type", Name(listener.type)}};
  if (listener.advertised_host) part["host"] = *listener.advertised_host;
  if (listener.advertised_port) part["advertisedPort"] = *listener.advertised_port;
  const auto found = services.find(ExternalBrokerName(subject.name(), listener.name, id));
  if (found == services.end()) return part;
  const bool default_port =
      listener.type == api::ListenerType::kNodePort && !listener.advertised_port.has_value();
  const bool asks_port =
      listener.advertised_port && listener.advertised_port->find(kNodePort) != std::string::npos;
  if (default_port || asks_port) part["nodePort"] = found->second.node_port;
  if (listener.type == api::ListenerType::kLoadBalancer && !listener.advertised_host)
    part["balancer"] = found->second.load_balancer;
  return part;
}

Json QuorumPart(const Quorum& quorum, const Member& member) {
  if (quorum.standalone()) return {{"kind", "alone"}};
  Json part = {{"kind", quorum.dynamic() ? "dynamic" : "static"}, {"id", quorum.cluster_id}};
  if (!quorum.dynamic()) part["voters"] = quorum.controllers;
  if (member.founder) part["founders"] = IdsText(quorum.founders);
  return part;
}

Json SchedulingPart(const api::ClusterSpec& spec) {
  Json selector = Json::object();
  AddPairs(spec.node_selector, selector);
  return {{"affinity", ParsedOr(spec.affinity, nullptr)},
          {"tolerations", ParsedOr(spec.tolerations, nullptr)},
          {"topologySpreadConstraints", ParsedOr(spec.topology_spread_constraints, nullptr)},
          {"priorityClassName", spec.priority_class_name},
          {"nodeSelector", std::move(selector)}};
}

// What a record that lacks a key means.
const Json& Unsaid() {
  static const Json* const kUnsaid = [] {
    const k8s::ObjectMeta meta;
    const api::ClusterSpec spec;
    const Options options;
    return new Json(MadeOf({meta, spec, options}, {}, {}));
  }();
  return *kUnsaid;
}

const Json& Part(const Json& record, const std::string& key) {
  static const Json* const kNone = new Json(nullptr);
  if (const auto it = record.find(key); it != record.end()) return *it;
  const auto unsaid = Unsaid().find(key);
  return unsaid == Unsaid().end() ? *kNone : *unsaid;
}

// What was in a file once may be set while brokers run by now.
void CompareConfig(const Json& before, const Json& wanted, std::vector<std::string>* changes) {
  std::set<std::string> keys;
  for (const Json* part : {&before, &wanted}) {
    if (!part->is_object()) continue;
    for (const auto& [key, value] : part->items()) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const bool same = before.is_object() && before.contains(key) == wanted.contains(key) &&
                      (!wanted.contains(key) || before[key] == wanted[key]);
    if (!same && !IsLiveKey(key)) changes->push_back(fmt::format("{} {}", kConfig, key));
  }
}

}  // namespace

Json MadeOf(const Subject& subject, const Member& member, const ServiceFactsByName& services) {
  const api::ClusterSpec& spec = subject.spec;
  Json listeners = Json::array();
  for (const api::Listener& listener : spec.listeners)
    listeners.push_back(ListenerPart(subject, listener, member.id, services));
  Json volumes = Json::array();
  for (const api::StorageVolume& volume : spec.storage.volumes) volumes.push_back(volume.name);
  Json made = {{"image", spec.image.empty() ? subject.options.broker_image : spec.image},
               {"imagePullPolicy", spec.image_pull_policy},
               {"defaultReplicas", DefaultReplicas(spec)},
               {kConfig, ConfigPart(spec)},
               {"listeners", std::move(listeners)},
               {"volumes", std::move(volumes)},
               {"resources", ParsedOr(spec.resources, nullptr)},
               {"livenessProbe", ProbePart(spec.liveness)},
               {"readinessProbe", ProbePart(spec.readiness)},
               {"rack", spec.rack_topology_key.value_or("")},
               {"terminationGracePeriodSeconds", spec.termination_grace_period_seconds},
               {"quorum", QuorumPart(subject.quorum, member)},
               {"roll", subject.meta.Annotation(kRollAnnotation)}};
  made.update(SchedulingPart(spec));
  return made;
}

std::optional<std::string> ChangesSince(std::string_view recorded, const Json& wanted) {
  const Json before = Json::parse(recorded, nullptr, /*allow_exceptions=*/false);
  if (!before.is_object()) return std::nullopt;
  std::vector<std::string> changes;
  for (const auto& [key, value] : wanted.items()) {
    const Json& was = Part(before, key);
    if (key == kConfig) {
      CompareConfig(was, value, &changes);
    } else if (key == "image" && was != value && was.is_string()) {
      changes.push_back(fmt::format("image {} to {}", was.get<std::string>(), value.get<std::string>()));
    } else if (was != value) {
      changes.push_back(key);
    }
  }
  return fmt::format("{}", fmt::join(changes, ", "));
}

}  // namespace dohle::resources
