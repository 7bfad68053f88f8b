// Machines on which brokers hang, Nodes are lost and disks fail, with an operator, an API server in memory
// and a Kafka cluster that misbehave when they are told to. For tests; virtual time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lib/env/sim/sim_world.h"
#include "lib/env/sleep.h"
#include "operator/local/api_store.h"
#include "operator/reconcile/cluster/cluster_controller.h"
#include "tests/operator/faulty_client.h"
#include "tests/operator/kafka_model.h"

namespace dohle::tests {

using k8s::Json;
using k8s::ObjectName;
using Ids = std::set<int32_t>;

// What a Pod's arguments say of the first voters: "0@host:9093:directory,...".
inline Ids FirstVoters(const Json& pod) {
  Ids ids;
  const Json& arguments = pod["spec"]["containers"][0]["args"];
  for (const Json& argument : arguments) {
    std::string text = argument.get<std::string>();
    const std::string key = "dohle.initial.controllers=";
    if (!text.starts_with(key)) continue;
    text.erase(0, key.size());
    for (size_t at = 0; at < text.size(); at = std::min(text.find(',', at), text.size() - 1) + 1)
      ids.insert(std::stoi(text.substr(at)));
  }
  return ids;
}

class Told : public reconcile::EventSink {
 public:
  void Normal(const k8s::Resource&, const k8s::ObjectMeta&, std::string_view reason, std::string_view,
              std::string) override {
    reasons.emplace_back(reason);
  }
  void Warning(const k8s::Resource&, const k8s::ObjectMeta&, std::string_view reason, std::string_view,
               std::string) override {
    reasons.emplace_back(reason);
  }
  int64_t Count(const std::string& reason) const {
    return std::count(reasons.begin(), reasons.end(), reason);
  }
  std::vector<std::string> reasons;
};

class HealTest : public testing::TestWithParam<uint64_t> {
 protected:
  HealTest()
      : world_(GetParam()),
        node_(world_.AddNode("operator")),
        executor_(*node_.env().executors[0]),
        kafka_(executor_, node_.env().random) {
    auto opened = local::ApiStore::Open(node_.env(), executor_, "");
    store_ = std::move(*opened);
    faulty_ = std::make_unique<FaultyClient>(*store_, node_.env().random);
    Do(Kubelet());
  }
  ~HealTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  void Do(env::Task<void> task) { env::Spawn(executor_, std::move(task)); }

  // A running one is stopped first, without a word.
  void StartOperator() {
    if (stop_ != nullptr) {
      stop_->Stop();
      Do(controller_->Stop());
      world_.RunFor(absl::Seconds(20));
    }
    stop_ = std::make_unique<env::StopSignal>();
    controller_ = std::make_unique<reconcile::ClusterController>(reconcile::ClusterController::Parts{
        *faulty_, kafka_, events_, executor_, node_.env().random, {}, "", {}});
    Do(Start(controller_.get(), stop_.get()));
  }
  static env::Task<void> Start(reconcile::ClusterController* controller, env::StopSignal* stop) {
    controller->Watch(*stop);
    while (!controller->synced() && !stop->stopped()) co_await env::Sleep(absl::Milliseconds(10));
    if (!stop->stopped()) controller->Act();
  }

  // ---- the machines

  env::Task<void> Kubelet() {
    for (;;) {
      const k8s::ListOptions all;
      const auto page = co_await store_->List(k8s::kPods, all);
      for (const Json& pod : page->items) co_await RunPod(pod);
      co_await env::Sleep(absl::Milliseconds(300));
    }
  }
  static int32_t IdOf(const Json& pod) {
    return std::stoi(pod["metadata"]["labels"]["dohle.dev/broker-id"].get<std::string>());
  }
  static std::string NodeOf(int32_t id) { return "node-" + std::to_string(id); }
  // Braced JSON has no place in a coroutine (g++ 12).
  static Json Running() {
    return {{"status",
             {{"phase", "Running"},
              {"podIP", "10.0.0.7"},
              {"containerStatuses", {{{"name", "broker"}, {"started", true}, {"restartCount", 0}}}},
              {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  }
  static Json Crashing() {
    return {{"status",
             {{"phase", "Running"},
              {"containerStatuses",
               {{{"name", "broker"},
                 {"started", false},
                 {"restartCount", 3},
                 {"state", {{"waiting", {{"reason", "CrashLoopBackOff"}}}}},
                 {"lastState", {{"terminated", {{"exitCode", 3}}}}}}}},
              {"conditions", {{{"type", "Ready"}, {"status", "False"}}}}}}};
  }
  static Json Homeless() {
    return {{"status",
             {{"phase", "Pending"},
              {"conditions",
               {{{"type", "PodScheduled"},
                 {"status", "False"},
                 {"message", "0/3 nodes are available: 1 node(s) had volume node affinity conflict."}}}}}}};
  }
  static Json OnNode(const std::string& node) { return {{"spec", {{"nodeName", node}}}}; }
  static Json MadeFor(const std::string& node) {
    return {{"metadata", {{"annotations", {{"volume.kubernetes.io/selected-node", node}}}}}};
  }
  static ObjectName ClaimOf(int32_t id) { return {"ns", "data-quickstart-" + std::to_string(id)}; }
  env::Task<void> SetStatus(ObjectName pod, Json status) {
    static_cast<void>(co_await store_->MergePatch(k8s::kPods, pod, status, k8s::Subresource::kStatus));
  }
  // "": it waits.
  env::Task<std::string> Schedule(ObjectName name, int32_t id, Json claim) {
    const std::string made_for = FindAnnotation(claim);
    std::string node = dead_.contains(id) ? "spare" : NodeOf(id);
    if (local_volumes_ && !made_for.empty() && made_for != node) {
      const Json homeless = Homeless();
      co_await SetStatus(name, homeless);
      co_return "";
    }
    const Json on_node = OnNode(node);
    static_cast<void>(co_await store_->MergePatch(k8s::kPods, name, on_node, k8s::Subresource::kNone));
    const Json made = MadeFor(node);
    const ObjectName claim_name = ClaimOf(id);
    static_cast<void>(
        co_await store_->MergePatch(k8s::kPersistentVolumeClaims, claim_name, made, k8s::Subresource::kNone));
    co_return node;
  }
  static std::string FindAnnotation(const Json& claim) {
    const Json* annotations = k8s::Find(claim, "metadata.annotations");
    return annotations == nullptr ? "" : annotations->value("volume.kubernetes.io/selected-node", "");
  }
  env::Task<void> RunPod(Json pod) {
    const ObjectName name{"ns", k8s::FindString(pod, "metadata.name")};
    const int32_t id = IdOf(pod);
    std::string node = k8s::FindString(pod, "spec.nodeName");
    const bool deleted = k8s::Find(pod, "metadata.deletionTimestamp") != nullptr;
    if (node.empty() && !deleted) {
      const ObjectName claim_name = ClaimOf(id);
      const auto claim = co_await store_->Get(k8s::kPersistentVolumeClaims, claim_name);
      if (!claim.ok()) co_return;
      const Json body = *claim;
      node = co_await Schedule(name, id, body);
      if (node.empty()) co_return;
      Mount(id, k8s::FindString(body, "metadata.uid"));
    }
    if (dead_.contains(id) && node == NodeOf(id)) co_return;
    if (deleted) {
      kafka_.End(id);
      k8s::DeleteOptions now;
      now.grace_period_s = 0;
      now.uid = k8s::FindString(pod, "metadata.uid");
      static_cast<void>(co_await store_->Delete(k8s::kPods, name, now));
      co_return;
    }
    if (k8s::FindString(pod, "status.phase") == "Running") co_return;
    if (damaged_.contains(disks_[id])) {
      const Json crashing = Crashing();
      co_await SetStatus(name, crashing);
      co_return;
    }
    kafka_.Start(id, FirstVoters(pod));
    ++starts_;
    const Json running = Running();
    co_await SetStatus(name, running);
    if (sick_.contains(id)) kafka_.End(id);
  }
  void Mount(int32_t id, const std::string& claim_uid) {
    std::string& disk = disks_[id];
    if (!disk.empty() && disk != claim_uid) kafka_.ReplaceDisk(id);
    disk = claim_uid;
  }
  void Damage(int32_t id) {
    damaged_.insert(disks_[id]);
    kafka_.End(id);
    Do(SetStatus({"ns", PodOf(id)}, Crashing()));
  }
  // By somebody who knows how.
  void Mend(int32_t id) {
    damaged_.erase(disks_[id]);
    kafka_.Start(id, {});
    Do(SetStatus({"ns", PodOf(id)}, Running()));
  }
  static Json NodeStatus(bool ready) {
    return {{"conditions", {{{"type", "Ready"}, {"status", ready ? "True" : "Unknown"}}}}};
  }
  env::Task<void> SetNode(int32_t id, bool ready) {
    Json node = k8s::NewObject(k8s::kNodes, {"", NodeOf(id)});
    k8s::ApplyOptions options;
    options.field_manager = "kubelet";
    static_cast<void>(co_await store_->Apply(k8s::kNodes, node, options));
    node["status"] = NodeStatus(ready);
    options.subresource = k8s::Subresource::kStatus;
    static_cast<void>(co_await store_->Apply(k8s::kNodes, node, options));
  }
  env::Task<void> Remove(k8s::Resource resource, ObjectName name) {
    const k8s::DeleteOptions options;
    static_cast<void>(co_await store_->Delete(resource, name, options));
  }
  void LoseNode(int32_t id) {
    dead_.insert(id);
    kafka_.End(id);
    Do(SetNode(id, false));
    Do(Remove(k8s::kPods, {"ns", PodOf(id)}));  // as its taints have it evicted
  }

  // ---- the user

  void Ask(int brokers, Json more = Json::object()) {
    Json spec = std::move(more);
    spec["brokers"] = brokers;
    Do(ApplyCluster(std::move(spec)));
    world_.RunFor(absl::Milliseconds(1));
  }
  env::Task<void> ApplyCluster(Json spec) {
    Json cluster = k8s::NewObject(k8s::kClusters, {"ns", "quickstart"});
    cluster["spec"] = std::move(spec);
    k8s::ApplyOptions options;
    options.field_manager = "kubectl";
    const auto applied = co_await store_->Apply(k8s::kClusters, cluster, options);
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
  env::Task<void> Read(k8s::Resource resource, ObjectName name, Json* out) {
    auto got = co_await store_->Get(resource, name);
    *out = got.ok() ? std::move(*got) : Json(nullptr);
  }
  Json Get(const k8s::Resource& resource, const ObjectName& name) {
    Json object;
    Do(Read(resource, name, &object));
    world_.RunFor(absl::Milliseconds(1));
    return object;
  }
  static std::string PodOf(int32_t id) { return "quickstart-broker-" + std::to_string(id); }
  std::string UidOf(int32_t id) {
    return k8s::FindString(Get(k8s::kPods, {"ns", PodOf(id)}), "metadata.uid");
  }
  Json Cluster() { return Get(k8s::kClusters, {"ns", "quickstart"}); }
  std::string Phase() { return k8s::FindString(Cluster(), "status.phase"); }
  std::string WhyDegraded() {
    const Json cluster = Cluster();
    for (const Json& condition : cluster["status"]["conditions"]) {
      if (condition["type"] == "Degraded") return condition["reason"];
    }
    return "";
  }
  bool Ready(const Ids& running, absl::Duration within = absl::Minutes(5)) {
    const env::MonotonicTime end = world_.now() + within;
    while (world_.now() < end) {
      if (Phase() == "Ready" && kafka_.running() == running) return true;
      world_.RunFor(absl::Milliseconds(200));
    }
    ADD_FAILURE() << Cluster()["status"].dump(1);
    return false;
  }
  void Begin(int brokers, Json more = Json::object()) {
    for (int32_t id = 0; id < brokers; ++id) Do(SetNode(id, true));
    StartOperator();
    Ask(brokers, std::move(more));
    Ids all;
    for (int32_t id = 0; id < brokers; ++id) all.insert(id);
    ASSERT_TRUE(Ready(all));
    kafka_.CreateTopic("t", 9, std::min(brokers, 3));
  }
  void Faults() {
    faulty_->Set({.before = 0.1,
                  .after = 0.1,
                  .conflict = 0.05,
                  .watch = 0.02,
                  .most_delay = absl::Milliseconds(500)});
    kafka_.SetFaults(0.1, 0.1);
  }
  void ExpectNoHarm() { EXPECT_EQ(kafka_.harm(), std::vector<std::string>()); }

  env::SimWorld world_;
  env::SimNode& node_;
  env::Executor& executor_;
  std::unique_ptr<local::ApiStore> store_;
  std::unique_ptr<FaultyClient> faulty_;
  Told events_;
  KafkaModel kafka_;
  Ids dead_;                              // Nodes that don't run any more, by their brokers
  Ids sick_;                              // brokers that hang as soon as they have begun
  std::map<int32_t, std::string> disks_;  // uids of claims
  std::set<std::string> damaged_;         // of them
  bool local_volumes_ = false;
  int64_t starts_ = 0;
  std::unique_ptr<env::StopSignal> stop_;
  std::unique_ptr<reconcile::ClusterController> controller_;
};

}  // namespace dohle::tests
