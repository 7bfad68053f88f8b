#include "operator/reconcile/cluster/node_states.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "operator/reconcile/cluster/pod_state.h"
#include "operator/reconcile/healing/heal_plan.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

constexpr std::string_view kOutOfServiceTaint = "node.kubernetes.io/out-of-service";

bool HasTaint(const Json& node, std::string_view key) {
  const Json* taints = k8s::Find(node, "spec.taints");
  if (taints == nullptr || !taints->is_array()) return false;
  for (const Json& taint : *taints) {
    if (k8s::FindString(taint, "key") == key) return true;
  }
  return false;
}

bool IsReady(const Json& node) {
  const Json* conditions = k8s::Find(node, "status.conditions");
  if (conditions == nullptr || !conditions->is_array()) return false;
  for (const Json& condition : *conditions) {
    if (k8s::FindString(condition, "type") == "Ready") return k8s::FindString(condition, "status") == "True";
  }
  return false;
}

// That are worth asking for.
std::set<std::string> NodesInQuestion(const LiveObjects& live, int64_t now_ms) {
  std::set<std::string> nodes;
  std::set<std::string_view> homeless;  // broker ids
  if (const auto pods = live.find(k8s::kPods.plural); pods != live.end()) {
    for (const auto& [name, pod] : pods->second) {
      const std::string node = k8s::FindString(*pod->body, "spec.nodeName");
      const bool stuck = now_ms - pod->meta.deletion_time_ms.value_or(now_ms) >= kStuckMs;
      if (stuck && !node.empty()) nodes.insert(node);
      if (ReadPodState(*pod).no_node_for_volume) homeless.insert(pod->meta.Label(resources::kBrokerIdLabel));
    }
  }
  const auto claims = live.find(k8s::kPersistentVolumeClaims.plural);
  if (claims == live.end()) return nodes;
  for (const auto& [name, claim] : claims->second) {
    const std::string_view node = claim->meta.Annotation(kSelectedNodeAnnotation);
    if (!node.empty() && homeless.contains(claim->meta.Label(resources::kBrokerIdLabel)))
      nodes.insert(std::string(node));
  }
  return nodes;
}

}  // namespace

NodeState ReadNodeState(const StatusOr<Json>& node) {
  if (absl::IsNotFound(node.status())) return NodeState::kGone;
  if (!node.ok()) return NodeState::kUnknown;
  if (HasTaint(*node, kOutOfServiceTaint)) return NodeState::kOutOfService;
  return IsReady(*node) ? NodeState::kReady : NodeState::kNotReady;
}

env::Task<NodeStates> FindNodeStates(k8s::Client* client, LiveObjects live, int64_t now_ms) {
  NodeStates states;
  const std::set<std::string> nodes = NodesInQuestion(live, now_ms);
  for (const std::string& node : nodes) {
    const k8s::ObjectName node_name{"", node};
    const StatusOr<Json> found = co_await client->Get(k8s::kNodes, node_name);
    states[node] = ReadNodeState(found);
  }
  co_return states;
}

}  // namespace dohle::reconcile
