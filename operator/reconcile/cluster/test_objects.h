// A Cluster and its objects for tests of the planner: what a well API server would hold after all steps.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "operator/reconcile/cluster/cluster_objects.h"
#include "operator/reconcile/cluster/cluster_resource.h"

namespace dohle::reconcile {

inline ClusterResource TestCluster(const std::string& spec_json = "{}") {
  k8s::Json object = {
      {"apiVersion", "dohle.dev/v1alpha1"},
      {"kind", "Cluster"},
      {"metadata", {{"name", "quickstart"}, {"namespace", "ns"}, {"uid", "cluster-uid"}, {"generation", 1}}}};
  object["spec"] = k8s::Json::parse(spec_json);
  auto cluster = ReadCluster(object);
  return std::move(*cluster);
}

// Stores `body` as if it had been applied, with what `more` says merged into it.
inline void Store(LiveObjects& live, const k8s::Resource& resource, k8s::Json body,
                  const k8s::Json& more = k8s::Json::object()) {
  body["metadata"]["uid"] = "uid-of-" + body["metadata"]["name"].get<std::string>();
  body.merge_patch(more);
  auto owned = ReadOwnedObject(body);
  auto object = std::make_shared<const OwnedObject>(std::move(*owned));
  live[resource.plural][object->meta.name] = object;
}

// As long as nobody tells what the cluster is made of.
inline std::vector<DesiredObject> DesiredObjects(const ClusterResource& cluster, const LiveObjects& live,
                                                 const resources::Options& options) {
  return DesiredObjects(cluster, FormationOf(cluster, live, nullptr), live, options);
}
inline std::vector<PodState> BrokerPods(const ClusterResource& cluster, const LiveObjects& live) {
  return BrokerPods(cluster, FormationOf(cluster, live, nullptr), live);
}

inline LiveObjects AsAsked(const ClusterResource& cluster, const resources::Options& options = {}) {
  LiveObjects live;
  // Twice: what Kubernetes chooses for Services comes back in Pods.
  for (int round = 0; round < 2; ++round) {
    int node_port = 31000;
    for (const DesiredObject& object : DesiredObjects(cluster, live, options)) {
      k8s::Json body = object.body;
      if (object.resource == k8s::kServices && body["spec"].value("type", "") == "NodePort") {
        body["spec"]["ports"][0]["nodePort"] = node_port++;
      }
      if (object.resource == k8s::kPods) {
        body["status"] = {{"phase", "Running"},
                          {"podIP", "10.0.0.7"},
                          {"hostIP", "192.168.0.1"},
                          {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}};
        body["spec"]["nodeName"] = "node-1";
      }
      Store(live, object.resource, std::move(body));
    }
  }
  return live;
}

inline std::string ToText(const std::vector<PlannedStep>& steps) {
  std::string text;
  for (const PlannedStep& step : steps) {
    text += fmt::format("{} {}: {}", step.shown.action, step.shown.object, step.shown.reason);
    if (step.blocked()) text += fmt::format(" | blocked: {}", step.shown.blocked_by);
    text += '\n';
  }
  return text;
}

}  // namespace dohle::reconcile
