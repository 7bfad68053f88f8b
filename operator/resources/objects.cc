#include "operator/resources/objects.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "operator/resources/broker_config.h"
#include "operator/resources/names.h"
#include "operator/resources/pod.h"

namespace dohle::resources {

using k8s::Json;

DesiredObject BuildConfigMap(const Subject& subject) {
  Json body = Skeleton(subject, k8s::kConfigMaps, ConfigMapName(subject.name()));
  body["data"][std::string(kPropertiesFile)] = ServerProperties(subject);
  return {k8s::kConfigMaps, std::move(body), ""};
}

DesiredObject BuildServiceAccount(const Subject& subject) {
  Json body = Skeleton(subject, k8s::kServiceAccounts, ServiceAccountName(subject.name()));
  body["automountServiceAccountToken"] = false;
  return {k8s::kServiceAccounts, std::move(body), ""};
}

DesiredObject BuildPodDisruptionBudget(const Subject& subject) {
  Json body = Skeleton(subject, k8s::kPodDisruptionBudgets, DisruptionBudgetName(subject.name()));
  body["spec"] = {{"maxUnavailable", 1},
                  {"unhealthyPodEvictionPolicy", "AlwaysAllow"},
                  {"selector", {{"matchLabels", SelectorLabels(subject)}}}};
  return {k8s::kPodDisruptionBudgets, std::move(body), ""};
}

namespace {

std::string_view TextOf(Removal removal) {
  switch (removal) {
    case Removal::kNone:
      return "none";
    case Removal::kDraining:
      return "draining";
    case Removal::kStopping:
      return "stopping";
    case Removal::kDone:
      return "done";
  }
  return "";
}

}  // namespace

Removal ReadRemoval(const k8s::ObjectMeta& claim) {
  const std::string_view text = claim.Annotation(kRemovalAnnotation);
  for (const Removal removal : {Removal::kDraining, Removal::kStopping, Removal::kDone}) {
    if (text == TextOf(removal)) return removal;
  }
  return Removal::kNone;
}

DesiredObject BuildClaim(const Subject& subject, const api::StorageVolume& volume, const Member& member) {
  const int32_t id = member.id;
  const bool owned = subject.spec.storage.deletion_policy == api::DeletionPolicy::kDelete;
  Json body = Skeleton(subject, k8s::kPersistentVolumeClaims, ClaimName(volume.name, subject.name(), id),
                       owned ? Ownership::kOwned : Ownership::kOutlivesCluster);
  body["metadata"]["labels"][std::string(kBrokerIdLabel)] = fmt::format("{}", id);
  body["spec"] = {{"accessModes", Json::array({"ReadWriteOnce"})},
                  {"resources", {{"requests", {{"storage", volume.size}}}}}};
  Json annotations = subject.quorum.standalone() ? Json::object() : QuorumAnnotations(subject.quorum);
  if (member.founder) annotations[std::string(kFounderAnnotation)] = "true";
  if (member.removal != Removal::kNone || member.marked)
    annotations[std::string(kRemovalAnnotation)] = TextOf(member.removal);
  if (!annotations.empty()) body["metadata"]["annotations"] = std::move(annotations);
  if (volume.storage_class_name) body["spec"]["storageClassName"] = *volume.storage_class_name;
  return {k8s::kPersistentVolumeClaims, std::move(body), ""};
}

std::vector<DesiredObject> BuildObjects(const Subject& subject, const ServiceFactsByName& services) {
  std::vector<DesiredObject> objects;
  objects.push_back(BuildServiceAccount(subject));
  objects.push_back(BuildConfigMap(subject));
  std::vector<DesiredObject> built = BuildServices(subject);
  objects.insert(objects.end(), std::make_move_iterator(built.begin()), std::make_move_iterator(built.end()));
  objects.push_back(BuildPodDisruptionBudget(subject));
  for (const Member& member : MembersOf(subject)) {
    for (const api::StorageVolume& volume : subject.spec.storage.volumes) {
      objects.push_back(BuildClaim(subject, volume, member));
    }
    if (member.runs) objects.push_back(BuildPod(subject, member, services));
  }
  return objects;
}

}  // namespace dohle::resources
