// How the API server addresses a kind of object, and one object of a kind. Pure.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>

namespace dohle::k8s {

// One kind at one version. All of them are constants below; compared by address of no meaning, by value only.
struct Resource {
  std::string_view group;  // "" = the core group
  std::string_view version;
  std::string_view kind;    // "Pod"
  std::string_view plural;  // "pods", as in paths
  bool namespaced = true;

  // "v1", "dohle.dev/v1alpha1": the apiVersion of its objects.
  std::string ApiVersion() const {
    return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
  }
  bool operator==(const Resource&) const = default;
};

inline constexpr Resource kClusters{"dohle.dev", "v1alpha1", "Cluster", "clusters"};
inline constexpr Resource kTopics{"dohle.dev", "v1alpha1", "Topic", "topics"};
inline constexpr Resource kPods{"", "v1", "Pod", "pods"};
inline constexpr Resource kPersistentVolumeClaims{"", "v1", "PersistentVolumeClaim",
                                                  "persistentvolumeclaims"};
inline constexpr Resource kServices{"", "v1", "Service", "services"};
inline constexpr Resource kConfigMaps{"", "v1", "ConfigMap", "configmaps"};
inline constexpr Resource kServiceAccounts{"", "v1", "ServiceAccount", "serviceaccounts"};
inline constexpr Resource kNodes{"", "v1", "Node", "nodes", false};
inline constexpr Resource kNamespaces{"", "v1", "Namespace", "namespaces", false};
inline constexpr Resource kPodDisruptionBudgets{"policy", "v1", "PodDisruptionBudget",
                                                "poddisruptionbudgets"};
inline constexpr Resource kLeases{"coordination.k8s.io", "v1", "Lease", "leases"};
inline constexpr Resource kEvents{"events.k8s.io", "v1", "Event", "events"};
inline constexpr Resource kCustomResourceDefinitions{"apiextensions.k8s.io", "v1", "CustomResourceDefinition",
                                                     "customresourcedefinitions", false};

// Which object of a kind. `ns` is empty for kinds that aren't namespaced.
struct ObjectName {
  std::string ns;
  std::string name;
  auto operator<=>(const ObjectName&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const ObjectName& n) {
    return H::combine(std::move(h), std::string(n.ns), std::string(n.name));
  }
};
// "ns/name", or "name".
inline std::string ToString(const ObjectName& name) {
  return name.ns.empty() ? name.name : name.ns + "/" + name.name;
}

}  // namespace dohle::k8s
