// The metadata quorum of a Cluster of several brokers: settled when its first claim is made and the same for
// as long as its data lives. Pure.
//
// The controllers are the brokers with the lowest ids: static voters (controller.quorum.voters, kraft.version
// 0), as their Pods' names don't change. Every claim says in annotations which quorum its data belongs to, as
// it is what outlives the Cluster: brokers that are added later are brokers only, and a Cluster that comes
// back finds its id.
//
// A Cluster made with one broker has no such annotations: its broker formats itself and is a quorum of its
// own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "operator/k8s/json.h"
#include "operator/k8s/object.h"

namespace dohle::resources {

struct Quorum {
  int32_t controllers = 0;  // brokers 0 to controllers - 1; 0: one broker that is its own quorum
  std::string cluster_id;   // Kafka's; "" if that broker chooses it

  bool standalone() const { return controllers == 0; }
  bool IsController(int32_t id) const { return id < controllers; }
  friend bool operator==(const Quorum&, const Quorum&) = default;
};

// For a new Cluster: 1 controller for 2 brokers, 3 for 3 and more. Its id comes of the Cluster's uid.
Quorum NewQuorum(const std::string& cluster_uid, int32_t brokers);

// What annotations of a claim say; nothing if they don't.
std::optional<Quorum> ReadQuorum(const k8s::ObjectMeta& claim);
// Not for one that is standalone.
k8s::Json QuorumAnnotations(const Quorum& quorum);

}  // namespace dohle::resources
