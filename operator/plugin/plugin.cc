#include "operator/plugin/plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "lib/base/text_list.h"
#include "operator/k8s/object.h"
#include "operator/plugin/plugin_text.h"
#include "operator/resources/names.h"

namespace dohle::plugin {
namespace {

using Action = PluginCommand::Action;
using k8s::Json;

constexpr std::array<const k8s::Resource*, 6> kReported = {
    &k8s::kPods,       &k8s::kPersistentVolumeClaims, &k8s::kServices,
    &k8s::kConfigMaps, &k8s::kServiceAccounts,        &k8s::kPodDisruptionBudgets};

std::string Joined(const std::set<std::string>& words) { return fmt::format("{}", fmt::join(words, ",")); }

// The fenced brokers after the command; nothing if it can't be said.
StatusOr<std::set<std::string>> Fenced(const PluginCommand& command, std::string_view before) {
  const std::vector<std::string_view> named = NonEmptyParts(before);
  std::set<std::string> fenced(named.begin(), named.end());
  const bool all = command.brokers == std::vector<std::string>{"*"};
  if (command.action == Action::kFence) {
    if (all || fenced.contains("*")) return std::set<std::string>{"*"};
    fenced.insert(command.brokers.begin(), command.brokers.end());
    return fenced;
  }
  if (all) return std::set<std::string>();
  if (fenced.contains("*")) {
    return MakeStatus(StatusCode::kInvalidArgument, "all brokers are fenced: unfence all, then fence some");
  }
  for (const std::string& broker : command.brokers) fenced.erase(broker);
  return fenced;
}

Json Annotate(std::string_view key, const std::string& value) {
  Json annotations = Json::object();
  // A merge patch takes a null as "remove".
  annotations[std::string(key)] = value.empty() ? Json() : Json(value);
  return {{"metadata", {{"annotations", std::move(annotations)}}}};
}

struct Change {
  Json patch;
  std::string told;
};

StatusOr<Change> ChangeFor(const PluginCommand& command, const k8s::ObjectMeta& cluster, int64_t now_ms) {
  const std::string name = ToString(cluster.name);
  switch (command.action) {
    case Action::kApprove:
      return Change{Annotate(resources::kApproveAnnotation, command.plan_id),
                    fmt::format("{}: plan {} may go\n", name, command.plan_id)};
    case Action::kRoll:
      return Change{Annotate(resources::kRollAnnotation, k8s::FormatTime(now_ms)),
                    fmt::format("{}: its brokers will be restarted; see kubectl dohle plan\n", name)};
    case Action::kHibernate:
      return Change{{{"spec", {{"hibernated", true}}}},
                    fmt::format("{}: its brokers will be stopped\n", name)};
    case Action::kWake:
      return Change{{{"spec", {{"hibernated", false}}}},
                    fmt::format("{}: its brokers will be started\n", name)};
    default:
      break;
  }
  DOHLE_ASSIGN_OR_RETURN(const std::set<std::string> fenced,
                         Fenced(command, cluster.Annotation(resources::kFenceAnnotation)));
  return Change{Annotate(resources::kFenceAnnotation, Joined(fenced)),
                fmt::format("{}: fenced brokers: {}\n", name, fenced.empty() ? "none" : Joined(fenced))};
}

// All pages. `keep` says which of them.
env::Task<StatusOr<std::vector<Json>>> ListAll(k8s::Client* client, k8s::Resource resource,
                                               k8s::ListOptions options) {
  std::vector<Json> all;
  do {
    const k8s::ListOptions page_options = options;
    StatusOr<k8s::ListPage> page = co_await client->List(resource, page_options);
    if (!page.ok()) co_return page.status();
    std::move(page->items.begin(), page->items.end(), std::back_inserter(all));
    options.continue_token = page->continue_token;
  } while (!options.continue_token.empty());
  co_return all;
}

bool RegardsOneOf(const Json& event, const std::vector<Json>& objects) {
  return std::any_of(objects.begin(), objects.end(), [&](const Json& object) {
    return k8s::FindString(event, "regarding.kind") == k8s::FindString(object, "kind") &&
           k8s::FindString(event, "regarding.name") == k8s::FindString(object, "metadata.name");
  });
}

env::Task<StatusOr<std::string>> Report(k8s::Client* client, Json cluster, k8s::ObjectName name) {
  std::vector<Json> objects = {std::move(cluster)};
  k8s::ListOptions ours;
  ours.ns = name.ns;
  ours.selector.labels = fmt::format("{}={}", resources::kClusterLabel, name.name);
  for (const k8s::Resource* resource : kReported) {
    StatusOr<std::vector<Json>> listed = co_await ListAll(client, *resource, ours);
    if (!listed.ok()) co_return listed.status();
    std::move(listed->begin(), listed->end(), std::back_inserter(objects));
  }
  k8s::ListOptions everything;
  everything.ns = name.ns;
  StatusOr<std::vector<Json>> topics = co_await ListAll(client, k8s::kTopics, everything);
  if (!topics.ok()) co_return topics.status();
  for (Json& topic : *topics) {
    if (k8s::FindString(topic, "spec.cluster") == name.name) objects.push_back(std::move(topic));
  }
  StatusOr<std::vector<Json>> events = co_await ListAll(client, k8s::kEvents, everything);
  if (!events.ok()) co_return events.status();
  std::erase_if(*events, [&](const Json& event) { return !RegardsOneOf(event, objects); });
  std::move(events->begin(), events->end(), std::back_inserter(objects));
  co_return ReportText(std::move(objects));
}

}  // namespace

env::Task<StatusOr<std::string>> RunPlugin(k8s::Client* client, PluginCommand command, std::string ns,
                                           int64_t now_ms) {
  const k8s::ObjectName name{ns, command.cluster};
  StatusOr<Json> cluster = co_await client->Get(k8s::kClusters, name);
  if (absl::IsNotFound(cluster.status())) {
    co_return MakeStatus(StatusCode::kNotFound, "there is no Cluster {} in the namespace {}: see -n",
                         name.name, ns);
  }
  if (!cluster.ok()) co_return cluster.status();
  if (command.action == Action::kStatus) co_return StatusText(*cluster);
  if (command.action == Action::kPlan) co_return PlanText(*cluster);
  if (command.action == Action::kReport) co_return co_await Report(client, *std::move(cluster), name);
  const StatusOr<k8s::ObjectMeta> meta = k8s::ReadMeta(*cluster);
  if (!meta.ok()) co_return meta.status();
  const StatusOr<Change> change = ChangeFor(command, *meta, now_ms);
  if (!change.ok()) co_return change.status();
  const StatusOr<Json> changed =
      co_await client->MergePatch(k8s::kClusters, name, change->patch, k8s::Subresource::kNone);
  if (!changed.ok()) co_return changed.status();
  co_return change->told;
}

std::vector<std::string> LogsArguments(const PluginCommand& command, const std::string& ns) {
  std::vector<std::string> arguments = {"logs", "--namespace", ns, "--container",
                                        std::string(resources::kBrokerContainer)};
  if (!command.kubeconfig.empty()) arguments.insert(arguments.end(), {"--kubeconfig", command.kubeconfig});
  if (!command.context.empty()) arguments.insert(arguments.end(), {"--context", command.context});
  if (command.follow) arguments.emplace_back("--follow");
  if (command.brokers.empty()) {
    arguments.insert(arguments.end(), {"--prefix", "--tail=-1", "--max-log-requests=100", "--selector",
                                       fmt::format("{}={}", resources::kClusterLabel, command.cluster)});
  } else {
    arguments.push_back(fmt::format("{}-broker-{}", command.cluster, command.brokers[0]));
  }
  return arguments;
}

}  // namespace dohle::plugin
