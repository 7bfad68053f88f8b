#include "operator/reconcile/cluster/node_racks.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

// What the Pod is told already.
void ReadAnnotations(const OwnedObject& pod, RackFinding& finding) {
  if (pod.meta.Annotation(resources::kRackNodeAnnotation) != finding.node) return;
  finding.rack = pod.meta.Annotation(resources::kRackAnnotation);
  finding.started = finding.rack.empty();
}

// False: nothing can be known now.
bool ReadNode(const StatusOr<Json>& node, const std::string& label, RackFinding& finding) {
  if (absl::IsPermissionDenied(node.status())) {
    finding.problem =
        "brokers have no rack: the operator may not read Nodes; grant it `get` on them (rbac.readNodes of "
        "the chart), or remove spec.rack";
    return true;
  }
  if (!node.ok()) {
    finding.problem =
        fmt::format("the broker on Node {} has no rack: {}", finding.node, Message(node.status()));
    return finding.started;
  }
  const auto meta = k8s::ReadMeta(*node);
  if (!meta.ok()) return false;
  finding.rack = meta->Label(label);
  if (finding.rack.empty()) {
    finding.problem =
        fmt::format("the broker on Node {} has no rack: the Node has no label {}", finding.node, label);
  }
  return true;
}

// By what a Pod that has its rack from the start doesn't say of itself.
void Restart(Json* annotations) {
  Json& revision = (*annotations)[std::string(resources::kRevisionAnnotation)];
  revision = revision.get<std::string>() + "-rack";
  const auto made_of = annotations->find(resources::kMadeOfAnnotation);
  if (made_of == annotations->end()) return;
  Json parts = Json::parse(made_of->get<std::string>());
  parts["rackOfNode"] = true;
  *made_of = parts.dump();
}

}  // namespace

env::Task<RackFindings> FindRacks(k8s::Client* client, std::shared_ptr<const ClusterResource> cluster,
                                  LiveObjects live) {
  RackFindings findings;
  if (!cluster->spec.rack_topology_key) co_return findings;
  const OwnedObjects pods = live[k8s::kPods.plural];
  for (const auto& [name, pod] : pods) {
    RackFinding finding;
    finding.pod_uid = pod->meta.uid;
    finding.node = k8s::FindString(*pod->body, "spec.nodeName");
    if (finding.node.empty() || pod->meta.deleting() || !pod->meta.ControlledBy(cluster->meta.uid)) continue;
    ReadAnnotations(*pod, finding);
    bool known = !finding.rack.empty();
    if (!known) {
      const k8s::ObjectName node_name{"", finding.node};
      const StatusOr<Json> node = co_await client->Get(k8s::kNodes, node_name);
      known = ReadNode(node, *cluster->spec.rack_topology_key, finding);
    }
    if (known) findings.emplace(name.name, std::move(finding));
  }
  co_return findings;
}

void AddRacks(const RackFindings& findings, const LiveObjects& live, std::vector<DesiredObject>* desired) {
  const auto pods = live.find(k8s::kPods.plural);
  if (pods == live.end()) return;
  for (DesiredObject& object : *desired) {
    if (object.resource != k8s::kPods) continue;
    Json& metadata = object.body["metadata"];
    const std::string name = k8s::FindString(object.body, "metadata.name");
    const auto finding = findings.find(name);
    const auto pod = pods->second.find({k8s::FindString(object.body, "metadata.namespace"), name});
    if (finding == findings.end() || pod == pods->second.end()) continue;
    if (pod->second->meta.uid != finding->second.pod_uid) continue;
    Json& annotations = metadata["annotations"];
    annotations[std::string(resources::kRackNodeAnnotation)] = finding->second.node;
    annotations[std::string(resources::kRackAnnotation)] = finding->second.rack;
    // It may only be changed, not be made: the next one may come to another node.
    metadata["uid"] = finding->second.pod_uid;
    if (finding->second.started && !finding->second.rack.empty()) {
      Restart(&annotations);
    }
  }
}

std::string RackProblem(const RackFindings& findings) {
  for (const auto& [pod, finding] : findings) {
    if (!finding.problem.empty()) return finding.problem;
  }
  return "";
}

}  // namespace dohle::reconcile
