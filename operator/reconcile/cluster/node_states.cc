#include "operator/reconcile/cluster/node_states.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/reconcile/healing/heal_plan.h"

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

}  // namespace

NodeState ReadNodeState(const StatusOr<Json>& node) {
  if (absl::IsNotFound(node.status())) return NodeState::kGone;
  if (!node.ok()) return NodeState::kUnknown;
  if (HasTaint(*node, kOutOfServiceTaint)) return NodeState::kOutOfService;
  return IsReady(*node) ? NodeState::kReady : NodeState::kNotReady;
}

env::Task<NodeStates> FindNodeStates(k8s::Client* client, LiveObjects live, int64_t now_ms) {
  NodeStates states;
  const OwnedObjects pods = live[k8s::kPods.plural];
  for (const auto& [name, pod] : pods) {
    const std::string node = k8s::FindString(*pod->body, "spec.nodeName");
    const int64_t due_ms = pod->meta.deletion_time_ms.value_or(now_ms);
    if (node.empty() || now_ms - due_ms < kStuckMs || states.contains(node)) continue;
    const k8s::ObjectName node_name{"", node};
    const StatusOr<Json> found = co_await client->Get(k8s::kNodes, node_name);
    states[node] = ReadNodeState(found);
  }
  co_return states;
}

}  // namespace dohle::reconcile
