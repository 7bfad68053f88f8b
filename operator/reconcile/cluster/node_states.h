// How the Nodes below Pods are that don't go as they should. Asked for one by one, by name, and only then:
// the operator may have no right to read Nodes, and needs none while all is well.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lib/env/task.h"
#include "operator/k8s/client.h"
#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/healing/heal_sight.h"

namespace dohle::reconcile {

using NodeStates = std::map<std::string, NodeState>;  // by name; what isn't in it is unknown

// Pure. kUnknown: the API server didn't tell.
NodeState ReadNodeState(const StatusOr<k8s::Json>& node);

// Where the external provisioner notes for which Node the volume of a claim was made
// (volumeBindingMode: WaitForFirstConsumer).
inline constexpr std::string_view kSelectedNodeAnnotation = "volume.kubernetes.io/selected-node";

// Of the Pods of `live` that should have been gone for kStuckMs, and of the claims of those that find no Node
// because of their volumes. `now_ms`: wall clock. `client` outlives the task.
env::Task<NodeStates> FindNodeStates(k8s::Client* client, LiveObjects live, int64_t now_ms);

}  // namespace dohle::reconcile
