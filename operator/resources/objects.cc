#include "operator/resources/objects.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/resources/broker_config.h"
#include "operator/resources/names.h"
#include "operator/resources/pod.h"

namespace dohle::resources {
namespace {

using k8s::Json;

DesiredObject ServiceAccount(const Subject& subject) {
  Json account = Skeleton(subject, k8s::kServiceAccounts, ServiceAccountName(subject.name()));
  account["automountServiceAccountToken"] = false;
  return {k8s::kServiceAccounts, std::move(account), ""};
}

DesiredObject ConfigMap(const Subject& subject) {
  Json map = Skeleton(subject, k8s::kConfigMaps, ConfigMapName(subject.name()));
  map["data"]["server.properties"] = ServerProperties(subject);
  return {k8s::kConfigMaps, std::move(map), ""};
}

// A drain takes one broker at a time, also where there is only one: a budget that forbids it blocks the node.
DesiredObject DisruptionBudget(const Subject& subject) {
  Json budget = Skeleton(subject, k8s::kPodDisruptionBudgets, DisruptionBudgetName(subject.name()));
  budget["spec"] = {{"maxUnavailable", 1}, {"selector", {{"matchLabels", SelectorLabels(subject)}}}};
  return {k8s::kPodDisruptionBudgets, std::move(budget), ""};
}

DesiredObject Claim(const Subject& subject, const api::StorageVolume& volume, int32_t id) {
  const Ownership ownership = subject.spec.storage.deletion_policy == api::DeletionPolicy::kDelete
                                  ? Ownership::kOwned
                                  : Ownership::kOutlivesCluster;
  Json claim =
      Skeleton(subject, k8s::kPersistentVolumeClaims, ClaimName(volume.name, subject.name(), id), ownership);
  claim["metadata"]["labels"][std::string(kBrokerIdLabel)] = std::to_string(id);
  claim["spec"] = {{"accessModes", {"ReadWriteOnce"}},
                   {"resources", {{"requests", {{"storage", volume.size}}}}}};
  if (volume.storage_class_name) claim["spec"]["storageClassName"] = *volume.storage_class_name;
  return {k8s::kPersistentVolumeClaims, std::move(claim), ""};
}

}  // namespace

std::vector<DesiredObject> BuildObjects(const Subject& subject, const ServiceFactsByName& services) {
  std::vector<DesiredObject> objects;
  objects.push_back(ServiceAccount(subject));
  objects.push_back(ConfigMap(subject));
  for (DesiredObject& service : BuildServices(subject)) objects.push_back(std::move(service));
  objects.push_back(DisruptionBudget(subject));
  for (int32_t id = 0; id < subject.spec.brokers; ++id) {
    for (const api::StorageVolume& volume : subject.spec.storage.volumes) {
      objects.push_back(Claim(subject, volume, id));
    }
    objects.push_back(BuildPod(subject, id, services));
  }
  return objects;
}

}  // namespace dohle::resources
