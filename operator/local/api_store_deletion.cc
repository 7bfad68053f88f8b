// Deletion: preconditions, finalizers, grace, and what goes with an owner or a namespace.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "operator/k8s/object.h"
#include "operator/local/api_store.h"

namespace dohle::local {
namespace {

using k8s::Json;
using k8s::ObjectName;

constexpr const char* kForegroundFinalizer = "foregroundDeletion";
constexpr const char* kNamespaceFinalizer = "kubernetes";  // of spec.finalizers there, of metadata here
constexpr int64_t kDefaultGraceSeconds = 30;

void AddFinalizer(Json& object, const char* name) {
  Json& finalizers = object["metadata"]["finalizers"];
  if (!finalizers.is_array()) finalizers = Json::array();
  if (std::find(finalizers.begin(), finalizers.end(), name) == finalizers.end()) finalizers.push_back(name);
}

bool TakeFinalizer(Json& object, const char* name) {
  const Json* finalizers = k8s::Find(object, "metadata.finalizers");
  if (finalizers == nullptr || !finalizers->is_array()) return false;
  Json rest = Json::array();
  for (const Json& finalizer : *finalizers) {
    if (finalizer != name) rest.push_back(finalizer);
  }
  if (rest.size() == finalizers->size()) return false;
  if (rest.empty()) {
    object["metadata"].erase("finalizers");
  } else {
    object["metadata"]["finalizers"] = std::move(rest);
  }
  return true;
}

Status CheckPreconditions(const Json& object, const k8s::DeleteOptions& options) {
  const std::string uid = k8s::FindString(object, "metadata.uid");
  const std::string version = k8s::FindString(object, "metadata.resourceVersion");
  if (options.uid.has_value() && *options.uid != uid) {
    return MakeStatus(StatusCode::kAborted,
                      "Precondition failed: UID in precondition: {}, UID in object meta: {}", *options.uid,
                      uid);
  }
  if (options.resource_version.has_value() && *options.resource_version != version) {
    return MakeStatus(StatusCode::kAborted,
                      "Precondition failed: ResourceVersion in precondition: {}, ResourceVersion in object "
                      "meta: {}",
                      *options.resource_version, version);
  }
  return OkStatus();
}

}  // namespace

Status ApiStore::DeleteNow(const k8s::Resource& resource, const ObjectName& name,
                           const k8s::DeleteOptions& options) {
  DOHLE_ASSIGN_OR_RETURN(const Target target, Locate(resource, name));
  if (target.record == nullptr) {
    return MakeStatus(StatusCode::kNotFound, "{} \"{}\" not found", resource.plural, k8s::ToString(name));
  }
  const Json& before = *target.object;
  DOHLE_RETURN_IF_ERROR(CheckPreconditions(before, options));

  int64_t grace_s = 0;
  if (target.kind->graceful_deletion) {
    grace_s = options.grace_period_s.value_or(
        k8s::FindInt(before, "spec.terminationGracePeriodSeconds", kDefaultGraceSeconds));
    grace_s = std::max<int64_t>(grace_s, 0);
  }
  Json after = before;
  Json& metadata = after["metadata"];
  const std::string uid = k8s::FindString(before, "metadata.uid");
  const bool deleting = metadata.contains("deletionTimestamp");
  if (options.foreground && !store_->DependentsOf(uid).empty()) AddFinalizer(after, kForegroundFinalizer);
  if (resource == k8s::kNamespaces) AddFinalizer(after, kNamespaceFinalizer);
  const bool kept = metadata.contains("finalizers") && !metadata["finalizers"].empty();
  if (grace_s == 0 && !kept) return Erase(target);
  // A second delete can only shorten the grace.
  if (!deleting || grace_s < k8s::FindInt(before, "metadata.deletionGracePeriodSeconds", 0)) {
    metadata["deletionTimestamp"] = k8s::FormatTime(env_.clock.WallTimeMs() + grace_s * 1000);
    metadata["deletionGracePeriodSeconds"] = grace_s;
  }
  if (!deleting) metadata["generation"] = k8s::FindInt(before, "metadata.generation", 0) + 1;
  if (after == before) return OkStatus();
  DOHLE_RETURN_IF_ERROR(store_->Put(*target.kind, name, std::move(after), target.Applied()));
  CollectLater({target.kind, name}, uid);
  return OkStatus();
}

Status ApiStore::Erase(const Target& target) {
  const ObjectStore::Record* record = store_->Find(*target.kind, target.name);
  if (record == nullptr) return OkStatus();
  const Json object = record->Object();
  DOHLE_RETURN_IF_ERROR(store_->Erase(*target.kind, target.name));
  CollectLater({target.kind, target.name}, k8s::FindString(object, "metadata.uid"));
  // Owners and namespaces that wait for this one to go.
  if (const Json* owners = k8s::Find(object, "metadata.ownerReferences"); owners != nullptr) {
    for (const Json& owner : *owners) {
      const Kind* kind = FindKind(k8s::FindString(owner, "apiVersion"), k8s::FindString(owner, "kind"));
      if (kind == nullptr) continue;
      CollectLater({kind, {kind->resource.namespaced ? target.name.ns : "", k8s::FindString(owner, "name")}},
                   k8s::FindString(owner, "uid"));
    }
  }
  const Kind* namespaces = FindKind(k8s::kNamespaces);
  if (const auto* ns = store_->Find(*namespaces, {"", target.name.ns}))
    CollectLater({namespaces, {"", target.name.ns}}, k8s::FindString(ns->Object(), "metadata.uid"));
  return OkStatus();
}

void ApiStore::CollectLater(ObjectStore::Key key, std::string uid) {
  garbage_.emplace_back(std::move(key), std::move(uid));
  if (garbage_.size() > 1) return;
  executor_.Post([this, alive = alive_] {
    if (!*alive) return;
    // What this deletes may add to it.
    while (!garbage_.empty()) {
      const auto [next, next_uid] = garbage_.front();
      Collect(next, next_uid);
      garbage_.pop_front();
    }
  });
}

void ApiStore::CollectAll() {
  for (const Kind& kind : AllKinds()) {
    for (const auto& [name, record] : store_->All(kind)) {
      // Few have one of these.
      if (record.text->find("\"ownerReferences\"") == std::string::npos &&
          record.text->find("\"deletionTimestamp\"") == std::string::npos)
        continue;
      const Json object = record.Object();
      if (k8s::Find(object, "metadata.ownerReferences") != nullptr ||
          k8s::Find(object, "metadata.deletionTimestamp") != nullptr)
        CollectLater({&kind, name}, k8s::FindString(object, "metadata.uid"));
    }
  }
}

bool ApiStore::HasOtherOwner(const Json& object) const {
  const Json* owners = k8s::Find(object, "metadata.ownerReferences");
  return owners != nullptr && owners->is_array() &&
         std::any_of(owners->begin(), owners->end(),
                     [&](const Json& owner) { return store_->HasUid(k8s::FindString(owner, "uid")); });
}

void ApiStore::CollectDependents(const std::string& uid) {
  for (const auto& [kind, name] : store_->DependentsOf(uid)) {
    const ObjectStore::Record* record = store_->Find(*kind, name);
    if (record == nullptr || k8s::Find(record->Object(), "metadata.deletionTimestamp") != nullptr) continue;
    const Status deleted = DeleteNow(kind->resource, name, {});
    if (!deleted.ok())
      log::Warning("store", "cannot delete {} {} with its owner: {}", kind->resource.kind,
                   k8s::ToString(name), Message(deleted));
  }
}

bool ApiStore::EmptyNamespace(const std::string& ns) {
  bool empty = true;
  for (const Kind& kind : AllKinds()) {
    if (!kind.resource.namespaced) continue;
    std::vector<ObjectName> inside;
    for (const auto& [name, record] : store_->All(kind)) {
      if (name.ns == ns) inside.push_back(name);
    }
    for (const ObjectName& name : inside) {
      const ObjectStore::Record* record = store_->Find(kind, name);
      if (record != nullptr && k8s::Find(record->Object(), "metadata.deletionTimestamp") == nullptr)
        DeleteNow(kind.resource, name, {}).IgnoreError();
      empty = empty && store_->Find(kind, name) == nullptr;
    }
  }
  return empty;
}

void ApiStore::Collect(const ObjectStore::Key& key, const std::string& uid) {
  const auto& [kind, name] = key;
  if (!store_->HasUid(uid)) {
    for (const auto& [dependent_kind, dependent] : store_->DependentsOf(uid)) {
      const ObjectStore::Record* record = store_->Find(*dependent_kind, dependent);
      if (record != nullptr)
        Collect({dependent_kind, dependent}, k8s::FindString(record->Object(), "metadata.uid"));
    }
    return;
  }
  const ObjectStore::Record* record = store_->Find(*kind, name);
  if (record == nullptr) return;
  const Json object = record->Object();
  if (k8s::Find(object, "metadata.deletionTimestamp") == nullptr) {
    const Json* owners = k8s::Find(object, "metadata.ownerReferences");
    if (owners != nullptr && !owners->empty() && !HasOtherOwner(object))
      DeleteNow(kind->resource, name, {}).IgnoreError();
    return;
  }
  Json after = object;
  if (kind->resource == k8s::kNamespaces) {
    if (!EmptyNamespace(name.name) || !TakeFinalizer(after, kNamespaceFinalizer)) return;
  } else {
    const Json* finalizers = k8s::Find(object, "metadata.finalizers");
    if (finalizers == nullptr ||
        std::find(finalizers->begin(), finalizers->end(), kForegroundFinalizer) == finalizers->end())
      return;
    CollectDependents(uid);
    if (!store_->DependentsOf(uid).empty() || !TakeFinalizer(after, kForegroundFinalizer)) return;
  }
  const StatusOr<Target> target = Locate(kind->resource, name);
  if (target.ok() && target->record != nullptr)
    UpdateNow(*target, std::move(after), k8s::Subresource::kNone, target->Applied()).IgnoreError();
}

}  // namespace dohle::local
