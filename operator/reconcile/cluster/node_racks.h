// In which rack each broker's Pod stands: what spec.rack.topologyKey's label of its Node says. Read by the
// operator once the Pod is on a node, and told the Pod by annotations (resources/pod.h): brokers need no
// rights for it, the operator only to get a Node by its name. Without that right, or without the label, the
// broker starts without a rack and the Cluster's status says why; once there is one, the broker is restarted
// with it. A label that changes later is read with the next Pod.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/env/task.h"
#include "operator/k8s/client.h"
#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"

namespace dohle::reconcile {

struct RackFinding {
  std::string pod_uid;
  std::string node;
  std::string rack;      // "": none, see `problem`
  bool started = false;  // the Pod was told already that it has none
  std::string problem;   // a sentence with what to do; "" if there is a rack
};
using RackFindings = std::map<std::string, RackFinding>;  // by the Pods' names

// Of the Pods that are on a node. Nodes are asked for only where a Pod has no rack yet; what the API server
// can't tell now is left out. `client` outlives the task.
env::Task<RackFindings> FindRacks(k8s::Client* client, std::shared_ptr<const ClusterResource> cluster,
                                  LiveObjects live);

// Adds the annotations to the Pods that are still those that were looked at. Pure.
void AddRacks(const RackFindings& findings, const LiveObjects& live, std::vector<DesiredObject>* desired);

// The first problem; "" if there is none. Pure.
std::string RackProblem(const RackFindings& findings);

}  // namespace dohle::reconcile
