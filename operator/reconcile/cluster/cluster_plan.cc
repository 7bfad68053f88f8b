#include "operator/reconcile/cluster/cluster_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "operator/reconcile/cluster/drift.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/resources/made_of.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::FindString;
using k8s::Json;
using Kind = PlannedStep::Kind;

// What is deleted when nothing asks for it any more. Claims are not: they hold data, and go by the deletion
// policy.
constexpr std::array<const k8s::Resource*, 4> kPruned = {&k8s::kPods, &k8s::kServices, &k8s::kConfigMaps,
                                                         &k8s::kPodDisruptionBudgets};

class Planner {
 public:
  Planner(const std::string& cluster_name, const std::string& cluster_uid, const LiveObjects& live)
      : cluster_name_(cluster_name), cluster_uid_(cluster_uid), live_(live) {}

  void Want(const DesiredObject& desired);
  // After all that is wanted.
  void Prune();
  std::vector<PlannedStep> Take() { return std::move(steps_); }

 private:
  PlannedStep& Add(Kind kind, const k8s::Resource& resource, const k8s::ObjectName& name,
                   std::string reason) {
    PlannedStep step;
    step.kind = kind;
    step.resource = resource;
    step.name = name;
    step.shown.action = std::string(kind == Kind::kApply ? "Apply" : "Delete") + std::string(resource.kind);
    step.shown.object = std::string(resource.kind) + "/" + name.name;
    step.shown.reason = std::move(reason);
    steps_.push_back(std::move(step));
    return steps_.back();
  }
  PlannedStep& Apply(const DesiredObject& desired, const k8s::ObjectName& name, std::string reason) {
    PlannedStep& step = Add(Kind::kApply, desired.resource, name, std::move(reason));
    step.body = std::make_shared<const Json>(desired.body);
    step.shown.blocked_by = desired.blocked_by;
    step.awaited = !desired.blocked_by.empty();
    return step;
  }
  void Delete(const k8s::Resource& resource, const OwnedObject& object, const char* action,
              std::string reason) {
    PlannedStep& step = Add(Kind::kDelete, resource, object.meta.name, std::move(reason));
    step.uid = object.meta.uid;
    step.shown.action = action;
  }
  bool Ours(const k8s::Resource& resource, const k8s::ObjectMeta& meta) const {
    if (meta.ControlledBy(cluster_uid_)) return true;
    return resource == k8s::kPersistentVolumeClaims &&
           meta.Label(resources::kClusterLabel) == cluster_name_ &&
           meta.Label(resources::kManagedByLabel) == resources::kManagedBy;
  }
  const OwnedObject* Live(const k8s::Resource& resource, const k8s::ObjectName& name) const {
    const auto of_kind = live_.find(resource.plural);
    if (of_kind == live_.end()) return nullptr;
    const auto it = of_kind->second.find(name);
    return it == of_kind->second.end() ? nullptr : it->second.get();
  }
  void Change(const DesiredObject& desired, const OwnedObject& object);
  void ChangePod(const DesiredObject& desired, const OwnedObject& pod);

  const std::string& cluster_name_;
  const std::string& cluster_uid_;
  const LiveObjects& live_;
  std::set<std::pair<std::string_view, k8s::ObjectName>> wanted_;
  std::vector<PlannedStep> steps_;
};

std::string AnnotationOf(const Json& object, std::string_view name) {
  const Json* annotations = k8s::Find(object, "metadata.annotations");
  return annotations == nullptr ? "" : annotations->value(std::string(name), "");
}

void Planner::Want(const DesiredObject& desired) {
  const k8s::ObjectName name{FindString(desired.body, "metadata.namespace"),
                             FindString(desired.body, "metadata.name")};
  wanted_.insert({desired.resource.plural, name});
  const OwnedObject* object = Live(desired.resource, name);
  if (object == nullptr) {
    Apply(desired, name, "it doesn't exist yet").fresh = true;
    return;
  }
  if (!Ours(desired.resource, object->meta)) {
    Apply(desired, name, "it is needed").shown.blocked_by =
        fmt::format("there is a {} of that name which this Cluster didn't make: delete or rename it",
                    desired.resource.kind);
    return;
  }
  if (object->meta.deleting()) {
    PlannedStep& again = Apply(desired, name, "it is being deleted and is needed again");
    again.shown.blocked_by = "it is still being deleted";
    again.awaited = true;
    return;
  }
  if (desired.resource == k8s::kPods) {
    ChangePod(desired, *object);
  } else {
    Change(desired, *object);
  }
}

void Planner::Change(const DesiredObject& desired, const OwnedObject& object) {
  auto path = FirstDifference(desired.body, *object.body);
  // What is there too much isn't a difference, but for this: a claim that is to outlive the Cluster.
  const std::string owners = "metadata.ownerReferences";
  if (!path && object.meta.ControlledBy(cluster_uid_) && k8s::Find(desired.body, owners) == nullptr)
    path = owners;
  if (!path) return;
  Apply(desired, object.meta.name, fmt::format("{} differs from what is asked", *path));
}

// What of the spec needs a restart; "" = nothing.
std::string WhyRestarted(const Json& desired, const OwnedObject& pod) {
  const std::string_view recorded = pod.meta.Annotation(resources::kMadeOfAnnotation);
  const Json wanted = Json::parse(AnnotationOf(desired, resources::kMadeOfAnnotation), nullptr, false);
  if (const auto changes = resources::ChangesSince(recorded, wanted))
    return changes->empty() ? "" : fmt::format("changed since its Pod was made: {}", *changes);
  // Of an operator that didn't tell: who changed what can't be known.
  const std::string revision = AnnotationOf(desired, resources::kRevisionAnnotation);
  if (pod.meta.Annotation(resources::kRevisionAnnotation) == revision) return "";
  return "its configuration or its Pod template has changed";
}

// Labels and the like change while it runs; what other templates made of it stays until the next one.
DesiredObject AsItWasMade(const DesiredObject& desired, const OwnedObject& pod) {
  DesiredObject kept = desired;
  Json& annotations = kept.body["metadata"]["annotations"];
  const std::string_view made_of = pod.meta.Annotation(resources::kMadeOfAnnotation);
  if (!made_of.empty()) annotations[std::string(resources::kMadeOfAnnotation)] = made_of;
  const std::string_view revision = pod.meta.Annotation(resources::kRevisionAnnotation);
  if (revision == AnnotationOf(desired.body, resources::kRevisionAnnotation)) return kept;
  annotations[std::string(resources::kRevisionAnnotation)] = revision;
  // Whole, as what isn't applied again would be taken away.
  if (const Json* spec = k8s::Find(*pod.body, "spec")) kept.body["spec"] = *spec;
  return kept;
}

void Planner::ChangePod(const DesiredObject& desired, const OwnedObject& pod) {
  const PodState state = ReadPodState(pod);
  if (state.phase == "Failed" || state.phase == "Succeeded") {
    Delete(desired.resource, pod, "ReplacePod", fmt::format("it has ended ({})", state.phase));
    return;
  }
  if (const std::string changes = WhyRestarted(desired.body, pod); !changes.empty()) {
    Delete(desired.resource, pod, "RestartBroker", changes);
    steps_.back().restarts = state.broker;
    return;
  }
  Change(AsItWasMade(desired, pod), pod);
}

void Planner::Prune() {
  for (const k8s::Resource* resource : kPruned) {
    const auto of_kind = live_.find(resource->plural);
    if (of_kind == live_.end()) continue;
    for (const auto& [name, object] : of_kind->second) {
      if (wanted_.contains({resource->plural, name}) || object->meta.deleting()) continue;
      if (!object->meta.ControlledBy(cluster_uid_)) continue;
      Delete(*resource, *object, "Prune", "nothing in the Cluster asks for it any more");
    }
  }
}

}  // namespace

std::vector<PlannedStep> PlanCluster(const std::string& cluster_name, const std::string& cluster_uid,
                                     const std::vector<DesiredObject>& desired, const LiveObjects& live) {
  Planner planner(cluster_name, cluster_uid, live);
  for (const DesiredObject& object : desired) planner.Want(object);
  planner.Prune();
  return planner.Take();
}

}  // namespace dohle::reconcile
