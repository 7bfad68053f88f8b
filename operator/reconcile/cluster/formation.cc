#include "operator/reconcile/cluster/formation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "operator/reconcile/cluster/occupancy.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/resources/names.h"
#include "operator/resources/objects.h"

namespace dohle::reconcile {
namespace {

using resources::Member;
using resources::Quorum;
using resources::Removal;

// -1: it says none.
int32_t BrokerOf(const k8s::ObjectMeta& claim) {
  const std::string_view text = claim.Label(resources::kBrokerIdLabel);
  int32_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && id < api::kMaxBrokers ? id : -1;
}

// What the claims say.
struct Data {
  std::map<int32_t, Member> brokers;  // those whose removal is done, too
  std::optional<Quorum> quorum;
  bool any = false;
};

Data ReadClaims(const ClusterResource& cluster, const LiveObjects& live) {
  Data data;
  const auto claims = live.find(k8s::kPersistentVolumeClaims.plural);
  if (claims == live.end()) return data;
  for (const auto& [name, claim] : claims->second) {
    const bool ours = claim->meta.Label(resources::kManagedByLabel) == resources::kManagedBy &&
                      claim->meta.Label(resources::kClusterLabel) == cluster.meta.name.name;
    const int32_t id = BrokerOf(claim->meta);
    if (!ours || claim->meta.deleting() || id < 0) continue;
    data.any = true;
    Member& broker = data.brokers[id];
    broker.id = id;
    broker.founder = broker.founder || claim->meta.Annotation(resources::kFounderAnnotation) == "true";
    broker.marked = broker.marked || !claim->meta.Annotation(resources::kRemovalAnnotation).empty();
    broker.removal = std::max(broker.removal, resources::ReadRemoval(claim->meta));
    std::optional<Quorum> quorum = resources::ReadQuorum(claim->meta);
    if (!quorum) continue;
    const bool formed = quorum->formed || (data.quorum && data.quorum->formed);
    if (!data.quorum) data.quorum = std::move(quorum);
    data.quorum->formed = formed;
  }
  return data;
}

bool HasPod(const ClusterResource& cluster, const LiveObjects& live, int32_t id) {
  const auto pods = live.find(k8s::kPods.plural);
  if (pods == live.end()) return false;
  return pods->second.contains({cluster.meta.name.ns, resources::PodName(cluster.meta.name.name, id)});
}

void AddMissing(const ClusterResource& cluster, const Data& data, const Quorum& quorum,
                const Topology* topology, std::map<int32_t, Member>* members) {
  const auto add = [&](int32_t id, bool founder) {
    if (members->contains(id)) return;
    Member& added = (*members)[id];
    if (const auto kept = data.brokers.find(id); kept != data.brokers.end()) added = kept->second;
    added.id = id;
    added.founder = added.founder || founder;
  };
  // Without each other they never have a leader, however many brokers are asked for by now.
  if (!quorum.formed) {
    for (const int32_t id : quorum.founders) add(id, true);
  }
  const auto asked = static_cast<size_t>(cluster.spec.brokers);
  // One whose claims were lost comes back under its id, for what it held is assigned to that.
  if (topology != nullptr) {
    for (const BrokerPlace& broker : topology->brokers) {
      if (members->size() < asked && ReplicasOn(*topology, broker.id) > 0) add(broker.id.value(), false);
    }
  }
  for (int32_t id = 0; members->size() < asked; ++id) add(id, false);
}

// The ids that go, of more than there shall be.
std::vector<int32_t> Surplus(const ClusterResource& cluster, const Data& data, size_t there) {
  const auto asked = static_cast<size_t>(cluster.spec.brokers);
  std::vector<int32_t> order =
      resources::ParseIds(cluster.meta.Annotation(resources::kRemoveBrokersAnnotation));
  for (auto it = data.brokers.rbegin(); it != data.brokers.rend(); ++it) order.push_back(it->first);
  std::vector<int32_t> going;
  for (const int32_t id : order) {
    if (there - going.size() <= asked) break;
    const auto broker = data.brokers.find(id);
    if (broker == data.brokers.end() || broker->second.removal == Removal::kDone) continue;
    if (std::find(going.begin(), going.end(), id) == going.end()) going.push_back(id);
  }
  std::sort(going.begin(), going.end());
  return going;
}

// Why those can't go; "" if they can.
std::string WhyTheyStay(const std::vector<int32_t>& going, const Quorum& quorum, size_t there,
                        const Topology* topology) {
  if (!quorum.dynamic()) {
    const auto voter =
        std::find_if(going.begin(), going.end(), [&](int32_t id) { return quorum.IsController(id); });
    if (voter != going.end()) {
      return fmt::format(
          "broker {0} is one of {1} voters that can't change, as the Cluster was made by an older operator: "
          "set "
          "brokers to {1} or more, and let no annotation name one of those",
          *voter, quorum.controllers);
    }
  }
  if (topology == nullptr) return "no broker tells which replicas there are: wait until one does";
  const size_t left = there - going.size();
  const PartitionPlace* widest = nullptr;
  for (const PartitionPlace& partition : topology->partitions) {
    const size_t replicas = partition.replicas.size() - partition.removing.size();
    if (replicas > left &&
        (widest == nullptr || replicas > widest->replicas.size() - widest->removing.size()))
      widest = &partition;
  }
  if (widest == nullptr) return "";
  return fmt::format(
      "topic {} has {} replicas, more than the {} brokers that would be left: give it fewer, or set brokers "
      "to "
      "{}",
      topology->topics[widest->topic].name, widest->replicas.size() - widest->removing.size(), left, there);
}

// How far its removal is from here on. `has_pod`: there is a Pod of it.
Removal NextRemoval(const Member& member, bool leaves, bool has_pod, const Topology* topology) {
  const NodeId id(member.id);
  switch (member.removal) {
    case Removal::kNone:
      return leaves ? Removal::kDraining : Removal::kNone;
    case Removal::kDraining:
      if (topology == nullptr) return Removal::kDraining;
      if (leaves) return IsEmpty(*topology, id) ? Removal::kStopping : Removal::kDraining;
      return IsClosed(*topology, id) ? Removal::kDraining : Removal::kNone;
    case Removal::kStopping:
      // What was placed there before everybody knew that it is closed moves away first.
      if (!leaves || (topology != nullptr && !IsEmpty(*topology, id))) return Removal::kDraining;
      return topology != nullptr && !has_pod && FindBroker(*topology, id) == nullptr ? Removal::kDone
                                                                                     : Removal::kStopping;
    case Removal::kDone:
      return Removal::kNone;  // it is needed again
  }
  return member.removal;
}

// Those that follow first, then those that vote, the active controller last: what stops later has somebody
// to agree with as long as can be. Without anybody who tells, all.
void Hibernate(const ClusterResource& cluster, const LiveObjects& live, const Topology* topology,
               Formation* formation) {
  std::vector<int32_t> followers, voters;
  for (Member& member : formation->members) {
    if (!HasPod(cluster, live, member.id)) {
      member.runs = false;
    } else if (topology == nullptr || !IsVoter(*topology, NodeId(member.id))) {
      followers.push_back(member.id);
    } else {
      voters.push_back(member.id);
    }
  }
  const auto stop = [&](int32_t id) {
    for (Member& member : formation->members) member.runs = member.runs && member.id != id;
  };
  if (!followers.empty()) {
    for (const int32_t id : followers) stop(id);
    return;
  }
  const int32_t leader = topology == nullptr ? -1 : topology->quorum.leader.value();
  for (const int32_t id : voters) {
    if (voters.size() > 1 && id == leader) continue;
    stop(id);
    // A majority of them must agree that the others leave.
    if (topology != nullptr && voters.size() > topology->quorum.voters.size() / 2 + 1) return;
  }
}

void Fence(const ClusterResource& cluster, Formation* formation) {
  const std::string_view fence = cluster.meta.Annotation(resources::kFenceAnnotation);
  if (fence.empty()) return;
  const std::vector<int32_t> ids = resources::ParseIds(fence);
  for (Member& member : formation->members) {
    if (fence != "*" && std::find(ids.begin(), ids.end(), member.id) == ids.end()) continue;
    formation->fenced.push_back(member.id);
    member.runs = false;
  }
}

Formation OfNewCluster(const ClusterResource& cluster) {
  Formation formation;
  const int32_t voters = std::min(
      cluster.spec.brokers, cluster.spec.controllers.value_or(resources::VotersAmong(cluster.spec.brokers)));
  formation.quorum = resources::NewQuorum(cluster.meta.uid, voters);
  for (int32_t id = 0; id < cluster.spec.brokers; ++id) {
    Member member;
    member.id = id;
    member.founder = formation.quorum.IsFounder(id);
    formation.members.push_back(member);
  }
  return formation;
}

// One that is alone stays so: it has no address at which others could reach it as a controller.
Formation OfStandalone(const ClusterResource& cluster, const Data& data) {
  Formation formation;
  formation.members.push_back(data.brokers.begin()->second);
  if (cluster.spec.brokers > 1) {
    formation.refusal =
        "its data is of a Cluster that an older operator made with one broker, which can't get more: set "
        "brokers to 1, or make another Cluster";
  }
  return formation;
}

}  // namespace

const Member* Formation::Find(int32_t id) const {
  const auto it = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.id == id; });
  return it == members.end() ? nullptr : &*it;
}

bool Formation::Leaves(int32_t id) const {
  return std::find(leaving.begin(), leaving.end(), id) != leaving.end();
}

Formation FormationOf(const ClusterResource& cluster, const LiveObjects& live, const Topology* topology) {
  Data data = ReadClaims(cluster, live);
  Formation formation;
  if (!data.any) {
    formation = OfNewCluster(cluster);
  } else if (!data.quorum) {
    formation = OfStandalone(cluster, data);
  } else {
    formation.quorum = *std::move(data.quorum);
    formation.quorum.formed =
        formation.quorum.dynamic() && (formation.quorum.formed || !cluster.status.cluster_id.empty());
    std::map<int32_t, Member> members = data.brokers;
    std::erase_if(members, [](const auto& entry) { return entry.second.removal == Removal::kDone; });
    AddMissing(cluster, data, formation.quorum, topology, &members);
    formation.leaving = Surplus(cluster, data, members.size());
    if (!formation.leaving.empty())
      formation.refusal = WhyTheyStay(formation.leaving, formation.quorum, members.size(), topology);
    // What is stopping holds nothing: it can go whatever the others hold.
    if (!formation.refusal.empty()) {
      std::erase_if(formation.leaving,
                    [&](int32_t id) { return members.at(id).removal != Removal::kStopping; });
    }
    for (auto& [id, member] : members) {
      member.removal = NextRemoval(member, formation.Leaves(id), HasPod(cluster, live, id), topology);
      member.runs = member.removal != Removal::kStopping && member.removal != Removal::kDone;
      formation.members.push_back(member);
    }
  }
  Fence(cluster, &formation);
  if (cluster.spec.hibernated) Hibernate(cluster, live, topology, &formation);
  return formation;
}

int32_t WantedVoters(const ClusterResource& cluster, const Formation& formation) {
  const auto brokers = static_cast<int32_t>(formation.members.size() - formation.leaving.size());
  return std::min(brokers, cluster.spec.controllers.value_or(resources::VotersAmong(brokers)));
}

PlannedStep RefusedScaling(const ClusterResource& cluster, const Formation& formation) {
  PlannedStep step;
  step.resource = k8s::kClusters;
  step.name = cluster.meta.name;
  step.shown.action = "Scale";
  step.shown.object = "Cluster/" + cluster.meta.name.name;
  step.shown.reason =
      fmt::format("{} brokers are asked for, {} run", cluster.spec.brokers, formation.members.size());
  step.shown.blocked_by = formation.refusal;
  return step;
}

}  // namespace dohle::reconcile
