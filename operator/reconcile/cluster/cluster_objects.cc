#include "operator/reconcile/cluster/cluster_objects.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/reconcile/cluster/formation.h"
#include "operator/resources/broker_config.h"
#include "operator/resources/names.h"
#include "operator/resources/objects.h"

namespace dohle::reconcile {
namespace {

const OwnedObjects& OfKind(const LiveObjects& live, const k8s::Resource& resource) {
  static const OwnedObjects* const kNone = new OwnedObjects;
  const auto it = live.find(resource.plural);
  return it == live.end() ? *kNone : it->second;
}

resources::ServiceFactsByName Services(const LiveObjects& live) {
  resources::ServiceFactsByName facts;
  for (const auto& [name, service] : OfKind(live, k8s::kServices)) {
    facts[name.name] = resources::ReadServiceFacts(*service->body);
  }
  return facts;
}

}  // namespace

std::vector<resources::DesiredObject> DesiredObjects(const ClusterResource& cluster, const LiveObjects& live,
                                                     const resources::Options& options) {
  Formation formation = FormationOf(cluster, live);
  api::ClusterSpec spec = cluster.spec;
  spec.brokers = formation.brokers;
  return resources::BuildObjects({cluster.meta, spec, options, std::move(formation.quorum)}, Services(live));
}

std::vector<PodState> BrokerPods(const ClusterResource& cluster, const LiveObjects& live) {
  const int32_t brokers = FormationOf(cluster, live).brokers;
  std::vector<PodState> pods(static_cast<size_t>(brokers));
  const OwnedObjects& there = OfKind(live, k8s::kPods);
  for (int32_t id = 0; id < brokers; ++id) {
    const auto it = there.find({cluster.meta.name.ns, resources::PodName(cluster.meta.name.name, id)});
    if (it != there.end()) pods[static_cast<size_t>(id)] = ReadPodState(*it->second);
  }
  return pods;
}

std::vector<api::ListenerStatus> ListenerAddresses(const ClusterResource& cluster, const LiveObjects& live,
                                                   const resources::Options& options) {
  std::string node_address;
  for (const PodState& pod : BrokerPods(cluster, live)) {
    if (!pod.host_ip.empty()) node_address = pod.host_ip;
  }
  return resources::ListenerAddresses({cluster.meta, cluster.spec, options}, Services(live), node_address);
}

std::string ProbeAddress(const ClusterResource& cluster, const PodState& pod) {
  return fmt::format("{}:{}", pod.pod_ip, resources::InnerListener(cluster.spec).port);
}

}  // namespace dohle::reconcile
