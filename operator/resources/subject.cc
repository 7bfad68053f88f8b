#include "operator/resources/subject.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/resources/names.h"

namespace dohle::resources {

using k8s::Json;

std::vector<Member> MembersOf(const Subject& subject) {
  if (!subject.members.empty()) return subject.members;
  std::vector<Member> members;
  for (int32_t id = 0; id < subject.spec.brokers; ++id) {
    Member member;
    member.id = id;
    member.founder = subject.quorum.IsFounder(id);
    members.push_back(member);
  }
  return members;
}

Json SelectorLabels(const Subject& subject) {
  return {{"app.kubernetes.io/component", "broker"}, {std::string(kClusterLabel), subject.name()}};
}

std::string SelectorText(const Subject& subject) {
  std::string text;
  const Json labels = SelectorLabels(subject);
  for (const auto& [key, value] : labels.items()) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value.get<std::string>());
  }
  return text;
}

Json Skeleton(const Subject& subject, const k8s::Resource& resource, const std::string& name,
              Ownership ownership) {
  Json object = k8s::NewObject(resource, {subject.ns(), name});
  Json& metadata = object["metadata"];
  metadata["labels"] = SelectorLabels(subject);
  metadata["labels"].update({{"app.kubernetes.io/name", "dohle"},
                             {"app.kubernetes.io/instance", subject.name()},
                             {"app.kubernetes.io/part-of", "dohle"},
                             {std::string(kManagedByLabel), kManagedBy}});
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

void AddPairs(const api::StringPairs& pairs, Json& object) {
  for (const auto& [key, value] : pairs) {
    if (!object.contains(key)) object[key] = value;
  }
}

Json ParsedOr(const api::RawJson& raw, Json fallback) {
  if (raw.empty()) return fallback;
  Json parsed = Json::parse(raw, nullptr, false);
  return parsed.is_discarded() ? fallback : parsed;
}

}  // namespace dohle::resources
