// The Cluster quickstart of the namespace "ns": its controller, which can be started anew at any moment, and
// a kubelet that takes its time. Virtual time; one executor.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "operator/reconcile/cluster/cluster_controller.h"
#include "tests/operator/api_world.h"

namespace dohle::tests {

// A base of fixtures, which say what becomes of a Pod.
class ClusterWorld : public ApiWorld {
 protected:
  explicit ClusterWorld(uint64_t seed) : ApiWorld(seed) {}
  virtual ~ClusterWorld();

  // Starts the operator; a running one is stopped first, without a word. `kafka` until the next one or Crash.
  void StartOperator(reconcile::KafkaControl& kafka, reconcile::AskVersion ask_version = nullptr);

  // Shows each Pod to RunPod several times a second, for ever.
  env::Task<void> Kubelet();
  virtual env::Task<void> RunPod(k8s::Json pod) = 0;
  static bool IsLeaving(const k8s::Json& pod);
  static bool IsRunning(const k8s::Json& pod);
  env::Task<void> Remove(k8s::Json pod);
  env::Task<void> ShowRunning(k8s::Json pod);  // and ready

  env::Task<void> ApplyCluster(k8s::Json spec, k8s::Json annotations = k8s::Json::object());
  k8s::Json Cluster() { return Get(k8s::kClusters, "quickstart"); }
  std::string Phase();
  // It has looked at what was asked last.
  static bool HasSeen(const k8s::Json& cluster);

  resources::Options options_;  // of the next operator

 private:
  static env::Task<void> Start(reconcile::ClusterController* controller, env::StopSignal* stop);

  std::unique_ptr<env::StopSignal> stop_;
  std::unique_ptr<reconcile::ClusterController> controller_;
};

}  // namespace dohle::tests
