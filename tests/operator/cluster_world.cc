#include "tests/operator/cluster_world.h"

#include <utility>

#include "lib/env/sleep.h"

namespace dohle::tests {
namespace {

using k8s::Json;

// Braced JSON has no place in a coroutine (g++ 12).
Json RunningStatus() {
  return {{"status",
           {{"phase", "Running"},
            {"podIP", "10.0.0.7"},
            {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
}

k8s::ObjectName NameOf(const Json& pod) { return {"ns", k8s::FindString(pod, "metadata.name")}; }

}  // namespace

ClusterWorld::~ClusterWorld() {
  if (node_.running()) Crash();
}

void ClusterWorld::StartOperator(reconcile::KafkaControl& kafka, reconcile::AskVersion ask_version) {
  if (stop_ != nullptr) {
    stop_->Stop();
    Do(controller_->Stop());
    world_.RunFor(absl::Seconds(30));
  }
  stop_ = std::make_unique<env::StopSignal>();
  controller_ = std::make_unique<reconcile::ClusterController>(reconcile::ClusterController::Parts{
      *faulty_, kafka, events_, executor_, node_.env().random, options_, "", {}, std::move(ask_version)});
  Do(Start(controller_.get(), stop_.get()));
}

env::Task<void> ClusterWorld::Start(reconcile::ClusterController* controller, env::StopSignal* stop) {
  controller->Watch(*stop);
  while (!controller->synced() && !stop->stopped()) co_await env::Sleep(absl::Milliseconds(10));
  if (!stop->stopped()) controller->Act();
}

env::Task<void> ClusterWorld::Kubelet() {
  for (;;) {
    const k8s::ListOptions all;
    const auto page = co_await store_->List(k8s::kPods, all);
    for (const Json& pod : page->items) co_await RunPod(pod);
    co_await env::Sleep(absl::Milliseconds(300));
  }
}

bool ClusterWorld::IsLeaving(const Json& pod) {
  return k8s::Find(pod, "metadata.deletionTimestamp") != nullptr;
}

bool ClusterWorld::IsRunning(const Json& pod) { return k8s::FindString(pod, "status.phase") == "Running"; }

env::Task<void> ClusterWorld::Remove(Json pod) {
  k8s::DeleteOptions now;
  now.grace_period_s = 0;
  now.uid = k8s::FindString(pod, "metadata.uid");
  const k8s::ObjectName name = NameOf(pod);
  static_cast<void>(co_await store_->Delete(k8s::kPods, name, now));
}

env::Task<void> ClusterWorld::ShowRunning(Json pod) {
  const Json status = RunningStatus();
  const k8s::ObjectName name = NameOf(pod);
  static_cast<void>(co_await store_->MergePatch(k8s::kPods, name, status, k8s::Subresource::kStatus));
}

env::Task<void> ClusterWorld::ApplyCluster(Json spec, Json annotations) {
  const k8s::ObjectName name{"ns", "quickstart"};
  Json cluster = k8s::NewObject(k8s::kClusters, name);
  cluster["spec"] = std::move(spec);
  if (!annotations.empty()) cluster["metadata"]["annotations"] = std::move(annotations);
  co_await Apply(k8s::kClusters, std::move(cluster));
}

std::string ClusterWorld::Phase() { return k8s::FindString(Cluster(), "status.phase"); }

bool ClusterWorld::HasSeen(const Json& cluster) {
  return k8s::FindInt(cluster, "status.observedGeneration", 0) ==
         k8s::FindInt(cluster, "metadata.generation", -1);
}

}  // namespace dohle::tests
