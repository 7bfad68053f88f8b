// The Cluster that objects are built for, and what all of its objects have. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/k8s/json.h"
#include "operator/k8s/object.h"
#include "operator/resources/member.h"
#include "operator/resources/options.h"
#include "operator/resources/quorum.h"

namespace dohle::resources {

// The references outlive it.
struct Subject {
  const k8s::ObjectMeta& meta;
  const api::ClusterSpec& spec;  // without faults (api::DecodeClusterSpec)
  const Options& options;
  Quorum quorum = {};
  std::vector<Member> members = {};  // by id; none: as a new Cluster of spec.brokers has them

  // Nodes are known on Kubernetes only.
  bool has_racks() const {
    return spec.rack_topology_key.has_value() && options.addressing == Addressing::kDns;
  }
  const std::string& name() const { return meta.name.name; }
  const std::string& ns() const { return meta.name.ns; }
};

std::vector<Member> MembersOf(const Subject& subject);

enum class Ownership {
  kOwned,            // goes when the Cluster goes
  kOutlivesCluster,  // belongs to nobody
};

// apiVersion, kind and metadata with the recommended labels.
k8s::Json Skeleton(const Subject& subject, const k8s::Resource& resource, const std::string& name,
                   Ownership ownership = Ownership::kOwned);
// What the Pods of the Cluster have and no others.
k8s::Json SelectorLabels(const Subject& subject);
// "a=b,c=d", as in queries and in the scale subresource's status.
std::string SelectorText(const Subject& subject);
// Adds to an object; a key that is there already stays as it is.
void AddPairs(const api::StringPairs& pairs, k8s::Json& object);
// A RawJson as JSON; `fallback` if it isn't set.
k8s::Json ParsedOr(const api::RawJson& raw, k8s::Json fallback);

}  // namespace dohle::resources
