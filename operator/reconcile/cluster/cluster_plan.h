// From what a Cluster asks for and what there is: the steps to take, in order, each with its reason and, if
// it can't be taken now, with what blocks it. Pure; the steps are what `status.plan` shows before they are
// taken.
//
// The plan is made anew each turn and taken step by step until one fails, so it may promise less than all the
// way: a Pod that is deleted now is made again in the turn after it is gone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/k8s/json.h"
#include "operator/k8s/resource.h"
#include "operator/reconcile/cluster/owned_object.h"
#include "operator/reconcile/kafka/kafka_action.h"
#include "operator/resources/desired_object.h"

namespace dohle::reconcile {

using resources::DesiredObject;

// What there is with the label of the Cluster, by kind (Resource::plural), and what has a desired name but
// isn't ours.
using LiveObjects = std::map<std::string_view, OwnedObjects>;

struct PlannedStep {
  enum class Kind { kApply, kDelete, kKafka };
  Kind kind = Kind::kApply;
  k8s::Resource resource;
  k8s::ObjectName name;
  std::shared_ptr<const k8s::Json> body;  // kApply
  bool fresh = false;                     // kApply: nothing of that name was seen
  std::string uid;                        // kDelete: this one and no other
  std::optional<int64_t> grace_s;         // kDelete: other than the Pod's own; 0 = by force
  std::shared_ptr<const KafkaAction>
      action;  // kKafka: asked of the cluster itself; `resource`, `name`: the Cluster
  // kDelete: the broker that is restarted by it, by a plan of the roll (cluster_roll.h); `action`, if there
  // is one, is asked first, and the broker stays if it is refused.
  NodeId restarts = kNoNode;
  bool awaited = false;  // what it waits for comes by itself: it was taken already, or is blocked for a while
  // Takes long, and nobody has to wait for it: the Cluster is Ready meanwhile.
  bool background = false;
  std::string_view degraded_as;  // the reason of Degraded while it is blocked for good; "": StepBlocked,
                                 // or none of one in the background
  bool far_off = false;  // awaited for so long that the Cluster is looked at no more often than one at rest
  api::PlanStep shown;

  bool blocked() const { return !shown.blocked_by.empty(); }
};

// `cluster_name` and `cluster_uid` tell what is ours: objects that it controls, and claims that bear its
// label. `desired` in the order in which it is to be made. Brokers that need a restart are
// marked (PlannedStep::restarts); who goes when is decided by cluster_roll.h.
std::vector<PlannedStep> PlanCluster(const std::string& cluster_name, const std::string& cluster_uid,
                                     const std::vector<DesiredObject>& desired, const LiveObjects& live);

}  // namespace dohle::reconcile
