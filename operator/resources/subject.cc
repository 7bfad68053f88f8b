#include "operator/resources/subject.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/resources/names.h"

namespace dohle::resources {

using k8s::Json;

Json Skeleton(const Subject& subject, const k8s::Resource& resource, const std::string& name,
              Ownership ownership) {
  Json object = k8s::NewObject(resource, {subject.ns(), name});
  Json& metadata = object["metadata"];
  Json labels = SelectorLabels(subject);
  labels["app.kubernetes.io/part-of"] = "dohle";
  labels["app.kubernetes.io/component"] = "broker";
  labels[std::string(kManagedByLabel)] = kManagedBy;
  metadata["labels"] = std::move(labels);
  if (ownership == Ownership::kOwned) {
    metadata["ownerReferences"] = Json::array({{{"apiVersion", k8s::kClusters.ApiVersion()},
                                                {"kind", k8s::kClusters.kind},
                                                {"name", subject.name()},
                                                {"uid", subject.meta.uid},
                                                {"controller", true},
                                                {"blockOwnerDeletion", true}}});
  }
  return object;
}

Json SelectorLabels(const Subject& subject) {
  Json labels = Json::object();
  labels["app.kubernetes.io/name"] = "dohle";
  labels["app.kubernetes.io/instance"] = subject.name();
  labels[std::string(kClusterLabel)] = subject.name();
  return labels;
}

void AddPairs(const api::StringPairs& pairs, Json& object) {
  for (const auto& [key, value] : pairs) object.emplace(key, value);
}

Json ParsedOr(const api::RawJson& raw, Json fallback) {
  if (raw.empty()) return fallback;
  StatusOr<Json> parsed = k8s::ParseJson(raw);
  return parsed.ok() ? std::move(*parsed) : std::move(fallback);
}

}  // namespace dohle::resources
