// The metadata quorum of a Cluster: what its data says of it. Pure.
//
// A Cluster is made with a quorum whose voters may change (KIP-853): every broker is a controller too, some
// of them vote (reconcile/cluster/voters.h chooses which), the others follow. The first voters are settled
// when its first claims are made: those claims are the founders', whose brokers format themselves as voters.
// Once the quorum has answered, its claims say that it is formed, and a claim that is made later is never a
// founder's, not even in the place of one: a voter that has lost its memory mustn't vote under its old name.
//
// Every claim says in annotations which quorum its data belongs to, as it is what outlives the Cluster: a
// Cluster that comes back finds its id.
//
// Older Clusters of several brokers have static voters (controller.quorum.voters, kraft.version 0): the
// brokers with the lowest ids. Older ones of one broker have no such annotations: it formats itself and is a
// quorum of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/k8s/json.h"
#include "operator/k8s/object.h"

namespace dohle::resources {

struct Quorum {
  int32_t controllers = 0;        // static: brokers 0 to controllers - 1
  std::string cluster_id;         // Kafka's; "" if the one broker chooses it
  std::vector<int32_t> founders;  // dynamic: who voted first; by id, never empty
  bool formed = false;            // dynamic: it has been there

  bool dynamic() const { return !founders.empty(); }
  bool standalone() const { return controllers == 0 && !dynamic(); }
  // Whether that broker is a controller too.
  bool IsController(int32_t id) const { return dynamic() || id < controllers; }
  bool IsFounder(int32_t id) const;
  friend bool operator==(const Quorum&, const Quorum&) = default;
};

// How many brokers of so many vote: 1 of 1 and 2, 3 up to 6, then 5.
int32_t VotersAmong(int32_t brokers);

// For a new Cluster: the brokers below `voters` are its founders. Its id comes of the Cluster's uid.
Quorum NewQuorum(const std::string& cluster_uid, int32_t voters);

// What annotations of a claim say; nothing if they don't.
std::optional<Quorum> ReadQuorum(const k8s::ObjectMeta& claim);
// Not for one that is standalone.
k8s::Json QuorumAnnotations(const Quorum& quorum);

// The directory id with which a founder formats its metadata directory.
std::string FounderDirectory(const std::string& cluster_id, int32_t id);

// "0,2,5" to ids and back; what is no id is left out.
std::vector<int32_t> ParseIds(std::string_view text);
std::string IdsText(const std::vector<int32_t>& ids);

}  // namespace dohle::resources
