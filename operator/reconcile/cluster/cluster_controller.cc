#include "operator/reconcile/cluster/cluster_controller.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

constexpr int kWorkers = 4;  // Clusters reconciled at the same time

constexpr std::array<const k8s::Resource*, 6> kOwnedKinds = {
    &k8s::kPods,       &k8s::kPersistentVolumeClaims, &k8s::kServices,
    &k8s::kConfigMaps, &k8s::kServiceAccounts,        &k8s::kPodDisruptionBudgets};

// What an index or a queue calls the Cluster of an object.
std::string ClusterOf(const OwnedObject& object) {
  const std::string_view cluster = object.meta.Label(resources::kClusterLabel);
  return cluster.empty() ? std::string() : fmt::format("{}/{}", object.meta.name.ns, cluster);
}

bool SameWishes(const k8s::ObjectMeta& a, const k8s::ObjectMeta& b) {
  return a.uid == b.uid && a.generation == b.generation && a.annotations == b.annotations &&
         a.deleting() == b.deleting();
}

}  // namespace

ClusterController::ClusterController(Parts parts)
    : executor_(parts.executor),
      clusters_(parts.client, parts.random, {k8s::kClusters, parts.ns, {}}, &ReadCluster),
      reconciler_({parts.client, parts.kafka, parts.events, parts.executor.clock(), clusters_,
                   [this](const k8s::ObjectName& cluster) { return LiveOf(cluster); }, parts.options,
                   parts.ask_version}),
      controller_(
          "cluster", parts.executor, parts.random,
          [this](k8s::ObjectName name) { return reconciler_.Reconcile(std::move(name)); }, parts.observer) {
  clusters_.AddHandler([this](const auto& before, const auto& after) {
    // What the operator itself tells in the status is no reason to look again.
    if (before != nullptr && after != nullptr && SameWishes(before->meta, after->meta)) return;
    controller_.queue().Add(after != nullptr ? after->meta.name : before->meta.name);
  });
  for (const k8s::Resource* resource : kOwnedKinds) AddKind(parts, *resource);
}

void ClusterController::AddKind(const Parts& parts, const k8s::Resource& resource) {
  k8s::Selector ours;
  ours.labels = fmt::format("{}={}", resources::kManagedByLabel, resources::kManagedBy);
  auto informer = std::make_unique<OwnedInformer>(
      parts.client, parts.random, runtime::Reflector::Scope{resource, parts.ns, std::move(ours)},
      &ReadOwnedObject);
  informer->SetIndex(&ClusterOf);
  informer->AddHandler([this, resource](const auto& before, const auto& after) {
    const OwnedObject& object = after != nullptr ? *after : *before;
    reconciler_.Seen(resource, object.meta.name);
    const std::string_view cluster = object.meta.Label(resources::kClusterLabel);
    if (!cluster.empty()) controller_.queue().Add({object.meta.name.ns, std::string(cluster)});
  });
  kinds_.push_back({resource, std::move(informer)});
}

LiveObjects ClusterController::LiveOf(const k8s::ObjectName& cluster) const {
  LiveObjects live;
  for (const Kind& kind : kinds_) live[kind.resource.plural] = kind.informer->Under(ToString(cluster));
  return live;
}

void ClusterController::Watch(env::StopSignal& stop) {
  env::Spawn(executor_, clusters_.Run(stop));
  for (const Kind& kind : kinds_) env::Spawn(executor_, kind.informer->Run(stop));
}

void ClusterController::Act() {
  for (const auto& [name, cluster] : clusters_.all()) controller_.queue().Add(name);
  if (!std::exchange(acting_, true)) controller_.Start(kWorkers);
}

env::Task<void> ClusterController::Stop() {
  clusters_.Interrupt();
  for (const Kind& kind : kinds_) kind.informer->Interrupt();
  co_await controller_.Stop();
}

std::optional<PodState> ClusterController::ReadyBroker(const k8s::ObjectName& name) const {
  const auto cluster = clusters_.Get(name);
  if (cluster == nullptr) return std::nullopt;
  for (PodState& pod : LiveBrokerPods(*cluster, LiveOf(name))) {
    if (pod.ready) return std::move(pod);
  }
  return std::nullopt;
}

std::vector<std::string> ClusterController::BrokerHosts(const k8s::ObjectName& name) const {
  std::vector<std::string> hosts;
  const auto cluster = clusters_.Get(name);
  if (cluster == nullptr) return hosts;
  for (const PodState& pod : LiveBrokerPods(*cluster, LiveOf(name))) {
    if (pod.ready) hosts.push_back(pod.pod_ip);
  }
  return hosts;
}

std::optional<std::string> ClusterController::BrokerAddress(const k8s::ObjectName& name) const {
  const std::optional<PodState> pod = ReadyBroker(name);
  return pod ? std::optional(ProbeAddress(*clusters_.Get(name), *pod)) : std::nullopt;
}

bool ClusterController::synced() const {
  bool all = clusters_.synced();
  for (const Kind& kind : kinds_) all = all && kind.informer->synced();
  return all;
}

}  // namespace dohle::reconcile
