// The CustomResourceDefinitions of Cluster and Topic (apiextensions.k8s.io/v1). Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace dohle::api {

inline constexpr std::string_view kGroup = "dohle.dev";
inline constexpr std::string_view kVersion = "v1alpha1";

// Both together, as YAML: what a client-side `kubectl apply` and a Helm release have room for.
inline constexpr size_t kMaxCrdBytes = 100'000;

nlohmann::json ClusterCrd();
nlohmann::json TopicCrd();

}  // namespace dohle::api
