// The Cluster that objects are built for, and what all of its objects have. Pure.
#pragma once

#include <string>
#include <string_view>

#include "operator/api/cluster.h"
#include "operator/k8s/json.h"
#include "operator/k8s/object.h"
#include "operator/k8s/resource.h"
#include "operator/resources/options.h"

namespace dohle::resources {

// All outlive it.
struct Subject {
  const k8s::ObjectMeta& meta;
  const api::ClusterSpec& spec;
  const Options& options;

  const std::string& name() const { return meta.name.name; }
  const std::string& ns() const { return meta.name.ns; }
};

enum class Ownership { kOwned, kOutlivesCluster };

// apiVersion, kind, and metadata with name, namespace, the recommended labels and, if owned, the owner.
k8s::Json Skeleton(const Subject& subject, const k8s::Resource& resource, const std::string& name,
                   Ownership ownership = Ownership::kOwned);
// What a Pod of the Cluster has and nothing else.
k8s::Json SelectorLabels(const Subject& subject);
void AddPairs(const api::StringPairs& pairs, k8s::Json& object);
// RawJson as it came; `fallback` if it isn't set.
k8s::Json ParsedOr(const api::RawJson& raw, k8s::Json fallback);

}  // namespace dohle::resources
