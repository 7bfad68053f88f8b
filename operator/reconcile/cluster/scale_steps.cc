#include "operator/reconcile/cluster/scale_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/reconcile/cluster/occupancy.h"
#include "operator/reconcile/cluster/voters.h"
#include "operator/resources/broker_config.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using resources::Member;
using resources::Removal;

constexpr std::string_view kCordonKey = "cordoned.log.dirs";

class ScalePlanner {
 public:
  ScalePlanner(const ClusterResource& cluster, const Formation& formation, const std::vector<PodState>& pods,
               const Topology& topology, resources::Addressing addressing)
      : cluster_(cluster), formation_(formation), pods_(pods), topology_(topology), addressing_(addressing) {}

  std::vector<PlannedStep> Plan() {
    for (const Member& member : formation_.members) Cordon(member);
    if (formation_.quorum.dynamic()) ChangeVoters();
    for (const Member& member : formation_.members) Forget(member);
    return std::move(steps_);
  }

 private:
  PlannedStep& Add(std::string action, std::string object, std::string reason, KafkaAction kafka) {
    PlannedStep step;
    step.kind = PlannedStep::Kind::kKafka;
    step.resource = k8s::kClusters;
    step.name = cluster_.meta.name;
    step.action = std::make_shared<const KafkaAction>(std::move(kafka));
    step.shown = {std::move(action), std::move(object), std::move(reason), ""};
    steps_.push_back(std::move(step));
    return steps_.back();
  }
  static std::string Named(NodeId id) { return fmt::format("Broker/{}", id.value()); }
  static AlterConfigs SetCordon(NodeId id, std::optional<std::string> value) {
    return {{{AlterConfigs::Kind::kBroker, fmt::format("{}", id.value()), std::string(kCordonKey),
              std::move(value)}}};
  }

  void Cordon(const Member& member) {
    const NodeId id(member.id);
    const BrokerPlace* broker = FindBroker(topology_, id);
    if (broker == nullptr || broker->fenced) return;
    if (formation_.Leaves(member.id)) {
      if (!broker->cordoned && member.removal == Removal::kDraining)
        Add("Cordon", Named(id), "it leaves: it gets no new replicas", SetCordon(id, "*"));
    } else if (broker->cordoned) {
      Add("Uncordon", Named(id), "it stays, and takes replicas", SetCordon(id, std::nullopt));
    }
  }

  // Brokers that can take part: they serve, and stay.
  std::map<NodeId, std::string> Candidates() const {
    std::map<NodeId, std::string> candidates;
    for (const Member& member : formation_.members) {
      if (formation_.Leaves(member.id)) continue;
      const BrokerPlace* broker = FindBroker(topology_, NodeId(member.id));
      candidates[NodeId(member.id)] = broker == nullptr ? "" : broker->rack;
    }
    return candidates;
  }
  std::string HostOf(NodeId id) const {
    if (addressing_ == resources::Addressing::kDns)
      return resources::PodHost(cluster_.meta.name.name, cluster_.meta.name.ns, id.value());
    const auto pod =
        std::find_if(pods_.begin(), pods_.end(), [&](const PodState& p) { return p.broker == id; });
    return pod == pods_.end() ? "" : pod->pod_ip;
  }

  void ChangeVoters() {
    const VoterChange change =
        NextVoterChange(topology_.quorum, Candidates(), WantedVoters(cluster_, formation_));
    switch (change.kind) {
      case VoterChange::Kind::kNone:
        return;
      case VoterChange::Kind::kAdd:
        if (HostOf(change.id).empty()) return;
        Add("AddVoter", Named(change.id), change.reason,
            AddVoter{change.id, change.directory, HostOf(change.id), api::kControllerPort,
                     std::string(resources::kControllerListenerName)});
        return;
      case VoterChange::Kind::kRemove:
        Add("RemoveVoter", Named(change.id), change.reason, RemoveVoter{change.id, change.directory});
        return;
      case VoterChange::Kind::kWait: {
        PlannedStep& wait = Add("ChangeVoters", Named(change.id), "the quorum's voters aren't as wanted",
                                RemoveVoter{change.id, change.directory});
        wait.shown.blocked_by = change.reason;
        wait.awaited = true;
        return;
      }
    }
  }

  // Its cordon stays, as only the broker itself takes its settings: one that comes back with its id is opened
  // then, as any that doesn't leave.
  void Forget(const Member& member) {
    const NodeId id(member.id);
    const BrokerPlace* broker = FindBroker(topology_, id);
    if (member.removal != Removal::kStopping || broker == nullptr) return;
    const bool has_pod = std::any_of(pods_.begin(), pods_.end(), [&](const PodState& pod) {
      return pod.broker == NodeId(member.id) && !pod.name.empty();
    });
    if (has_pod || !broker->fenced || !IsEmpty(topology_, id)) return;
    Add("Unregister", Named(id), "it is gone for good", UnregisterBroker{id});
  }

  const ClusterResource& cluster_;
  const Formation& formation_;
  const std::vector<PodState>& pods_;
  const Topology& topology_;
  const resources::Addressing addressing_;
  std::vector<PlannedStep> steps_;
};

const Member* MemberOfPod(const ClusterResource& cluster, const Formation& formation,
                          const std::string& pod) {
  const auto it = std::find_if(formation.members.begin(), formation.members.end(), [&](const Member& member) {
    return resources::PodName(cluster.meta.name.name, member.id) == pod;
  });
  return it == formation.members.end() ? nullptr : &*it;
}

const Member* MemberOfClaim(const Formation& formation, const PlannedStep& claim) {
  if (claim.body == nullptr) return nullptr;
  const k8s::Json* labels = k8s::Find(*claim.body, "metadata.labels");
  const std::vector<int32_t> ids =
      resources::ParseIds(labels == nullptr ? "" : labels->value(std::string(resources::kBrokerIdLabel), ""));
  return ids.empty() ? nullptr : formation.Find(ids.front());
}

std::string WhyMarked(const Member& member, const Formation& formation) {
  switch (member.removal) {
    case Removal::kNone:
      return "its broker stays";
    case Removal::kDraining:
      return formation.Leaves(member.id) ? "its broker leaves, and is emptied first"
                                         : "its broker stays after all, and is opened again";
    case Removal::kStopping:
      return "its broker holds nothing any more, and is stopped";
    case Removal::kDone:
      return "its broker is gone for good";
  }
  return "";
}

}  // namespace

std::vector<PlannedStep> PlanScale(const ClusterResource& cluster, const Formation& formation,
                                   const std::vector<PodState>& pods, const Topology* topology,
                                   resources::Addressing addressing) {
  if (topology == nullptr || cluster.spec.hibernated || formation.quorum.standalone()) return {};
  return ScalePlanner(cluster, formation, pods, *topology, addressing).Plan();
}

std::vector<PlannedStep> PlanClaimRemoval(const ClusterResource& cluster, const Formation& formation,
                                          const LiveObjects& live) {
  std::vector<PlannedStep> steps;
  const auto claims = live.find(k8s::kPersistentVolumeClaims.plural);
  if (cluster.spec.storage.scale_down_policy != api::DeletionPolicy::kDelete || claims == live.end())
    return steps;
  for (const Member& member : formation.members) {
    if (member.removal != Removal::kDone) continue;
    for (const api::StorageVolume& volume : cluster.spec.storage.volumes) {
      const k8s::ObjectName name{cluster.meta.name.ns,
                                 resources::ClaimName(volume.name, cluster.meta.name.name, member.id)};
      const auto claim = claims->second.find(name);
      if (claim == claims->second.end() || claim->second->meta.deleting()) continue;
      PlannedStep step;
      step.kind = PlannedStep::Kind::kDelete;
      step.resource = k8s::kPersistentVolumeClaims;
      step.name = name;
      step.uid = claim->second->meta.uid;
      step.shown = {"DeleteClaim", "PersistentVolumeClaim/" + name.name,
                    "its broker was emptied and taken away", ""};
      steps.push_back(std::move(step));
    }
  }
  return steps;
}

void Explain(const ClusterResource& cluster, const Formation& formation, std::vector<PlannedStep>* steps) {
  for (PlannedStep& step : *steps) {
    if (step.resource == k8s::kPersistentVolumeClaims &&
        step.shown.reason.find(resources::kRemovalAnnotation) != std::string::npos) {
      if (const Member* member = MemberOfClaim(formation, step))
        step.shown.reason = WhyMarked(*member, formation);
    }
    if (step.kind != PlannedStep::Kind::kDelete || !(step.resource == k8s::kPods)) continue;
    const Member* member = MemberOfPod(cluster, formation, step.name.name);
    if (member == nullptr || member->runs) continue;
    step.shown.action = "StopBroker";
    const auto& fenced = formation.fenced;
    if (std::find(fenced.begin(), fenced.end(), member->id) != fenced.end()) {
      step.shown.reason = fmt::format("the annotation {} names it", resources::kFenceAnnotation);
    } else if (cluster.spec.hibernated) {
      step.shown.reason = "spec.hibernated is set";
    } else {
      step.shown.reason = "it holds nothing any more and leaves";
    }
  }
}

std::string WhyNoRestartWhileScaling(const Formation& formation,
                                     const std::vector<PlannedStep>& scale_steps) {
  if (!formation.leaving.empty())
    return fmt::format("broker {} is being taken away", fmt::join(formation.leaving, ", "));
  for (const PlannedStep& step : scale_steps) {
    if (step.action == nullptr) continue;
    if (std::holds_alternative<AddVoter>(*step.action) || std::holds_alternative<RemoveVoter>(*step.action))
      return "the quorum's voters are changing";
  }
  return "";
}

}  // namespace dohle::reconcile
