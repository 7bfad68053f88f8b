#include "operator/reconcile/cluster/cluster_objects.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/upgrade_steps.h"
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

std::vector<resources::DesiredObject> DesiredObjects(const ClusterResource& cluster,
                                                     const Formation& formation, const LiveObjects& live,
                                                     const resources::Options& options) {
  api::ClusterSpec spec = cluster.spec;
  spec.brokers = static_cast<int32_t>(formation.members.size());
  spec.image = BrokerImage(cluster, BrokerPods(cluster, formation, live), options);
  std::vector<resources::Member> members = formation.members;
  if (cluster.spec.storage.scale_down_policy == api::DeletionPolicy::kDelete)
    std::erase_if(members, [](const auto& member) { return member.removal == resources::Removal::kDone; });
  return resources::BuildObjects({cluster.meta, spec, options, formation.quorum, std::move(members)},
                                 Services(live));
}

std::vector<PodState> BrokerPods(const ClusterResource& cluster, const Formation& formation,
                                 const LiveObjects& live) {
  std::vector<PodState> pods;
  const OwnedObjects& there = OfKind(live, k8s::kPods);
  for (const resources::Member& member : formation.members) {
    PodState pod;
    const auto it = there.find({cluster.meta.name.ns, resources::PodName(cluster.meta.name.name, member.id)});
    if (it != there.end()) pod = ReadPodState(*it->second);
    pod.broker = NodeId(member.id);
    if (member.runs || !pod.name.empty()) pods.push_back(std::move(pod));
  }
  return pods;
}

std::vector<PodState> LiveBrokerPods(const ClusterResource& cluster, const LiveObjects& live) {
  std::vector<PodState> pods = BrokerPods(cluster, FormationOf(cluster, live, nullptr), live);
  std::erase_if(pods, [](const PodState& pod) { return pod.name.empty(); });
  return pods;
}

std::vector<api::ListenerStatus> ListenerAddresses(const ClusterResource& cluster, const LiveObjects& live,
                                                   const resources::Options& options) {
  std::string node_address;
  for (const PodState& pod : LiveBrokerPods(cluster, live)) {
    if (!pod.host_ip.empty()) node_address = pod.host_ip;
  }
  return resources::ListenerAddresses({cluster.meta, cluster.spec, options}, Services(live), node_address);
}

std::string ProbeAddress(const ClusterResource& cluster, const PodState& pod) {
  return fmt::format("{}:{}", pod.pod_ip, resources::InnerListener(cluster.spec).port);
}

}  // namespace dohle::reconcile
