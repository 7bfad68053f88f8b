// Brokers that hang, Nodes that are lost, disks that fail, under an API server and a Kafka cluster that
// misbehave: what can be healed is, nothing that somebody may still need is taken away.

#include <gtest/gtest.h>

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
namespace {

using k8s::Json;
using k8s::ObjectName;
using Ids = std::set<int32_t>;

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
  static Json OnNode(const std::string& node) { return {{"spec", {{"nodeName", node}}}}; }
  env::Task<void> RunPod(Json pod) {
    const ObjectName name{"ns", k8s::FindString(pod, "metadata.name")};
    const int32_t id = IdOf(pod);
    std::string node = k8s::FindString(pod, "spec.nodeName");
    if (node.empty()) {
      node = dead_.contains(id) ? "spare" : NodeOf(id);
      const Json on_node = OnNode(node);
      static_cast<void>(co_await store_->MergePatch(k8s::kPods, name, on_node, k8s::Subresource::kNone));
    }
    if (dead_.contains(id) && node == NodeOf(id)) co_return;
    if (k8s::Find(pod, "metadata.deletionTimestamp") != nullptr) {
      kafka_.End(id);
      k8s::DeleteOptions now;
      now.grace_period_s = 0;
      now.uid = k8s::FindString(pod, "metadata.uid");
      static_cast<void>(co_await store_->Delete(k8s::kPods, name, now));
      co_return;
    }
    if (k8s::FindString(pod, "status.phase") == "Running") co_return;
    kafka_.Start(id, founded_ ? Ids() : Ids{0, 1, 2});
    ++starts_;
    const Json status = Running();
    static_cast<void>(co_await store_->MergePatch(k8s::kPods, name, status, k8s::Subresource::kStatus));
    if (sick_.contains(id)) kafka_.End(id);
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
      if (Phase() == "Ready" && kafka_.running() == running) {
        founded_ = true;
        return true;
      }
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
  Ids dead_;              // Nodes that don't run any more, by their brokers
  Ids sick_;              // brokers that hang as soon as they have begun
  bool founded_ = false;  // the quorum is there
  int64_t starts_ = 0;
  std::unique_ptr<env::StopSignal> stop_;
  std::unique_ptr<reconcile::ClusterController> controller_;
};

TEST_P(HealTest, ABrokerThatHangsIsRestartedOnce) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = UidOf(1);
  kafka_.End(1);
  world_.RunFor(absl::Seconds(10));
  EXPECT_EQ(UidOf(1), before) << "it may be back in a moment";
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Seconds(40)));
  EXPECT_NE(UidOf(1), before);
  EXPECT_EQ(events_.Count("RestartHungBroker"), 1);
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(starts_, 4);
  ExpectNoHarm();
}

TEST_P(HealTest, OneThatHangsAgainAndAgainIsRestartedLessAndLess) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  sick_ = {2};
  kafka_.End(2);
  world_.RunFor(absl::Minutes(1));
  EXPECT_EQ(WhyDegraded(), "BrokerHung");
  world_.RunFor(absl::Minutes(59));
  EXPECT_GE(events_.Count("RestartHungBroker"), 5);
  EXPECT_LE(events_.Count("RestartHungBroker"), 8);
  sick_ = {};
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(31)));
}

TEST_P(HealTest, OnlyReported) {
  ASSERT_NO_FATAL_FAILURE(Begin(3, {{"healing", {{"mode", "Report"}}}}));
  const std::string before = UidOf(1);
  kafka_.End(1);
  world_.RunFor(absl::Minutes(2));
  EXPECT_EQ(WhyDegraded(), "BrokerHung");
  const int64_t writes = faulty_->writes();
  world_.RunFor(absl::Minutes(28));
  EXPECT_LE(faulty_->writes(), writes + 10) << "the status isn't to be written each second";
  EXPECT_EQ(UidOf(1), before);
  const Json step = Cluster()["status"]["plan"][0];
  EXPECT_EQ(step["action"], "RestartHungBroker");
  EXPECT_EQ(step["blockedBy"], "spec.healing.mode is Report: set it to Auto, or do it yourself");
}

TEST_P(HealTest, TheQuorumIsNeverPutAtRisk) {
  ASSERT_NO_FATAL_FAILURE(Begin(5));
  // Two voters of three are needed, and one of them hangs besides a broker that doesn't vote.
  kafka_.End(1);
  kafka_.End(4);
  ASSERT_TRUE(Ready({0, 1, 2, 3, 4}, absl::Minutes(2)));
  EXPECT_EQ(events_.Count("RestartHungBroker"), 2);
  ExpectNoHarm();
}

TEST_P(HealTest, APodOnALostNodeWaitsForSomebodyWhoKnowsThatItIsOff) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = UidOf(1);
  LoseNode(1);
  world_.RunFor(absl::Minutes(5));
  EXPECT_EQ(UidOf(1), before);
  EXPECT_EQ(WhyDegraded(), "PodStuckTerminating");
  EXPECT_NE(Cluster()["status"].dump().find("node.kubernetes.io/out-of-service"), std::string::npos);
  // The operator finds it again after a restart.
  StartOperator();
  Do(Remove(k8s::kNodes, {"", NodeOf(1)}));
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(1)));
  EXPECT_NE(UidOf(1), before);
  EXPECT_EQ(events_.Count("ForceDeletePod"), 1);
  ExpectNoHarm();
}

TEST_P(HealTest, ABrokerThatIsStillHeardIsNotBuried) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = UidOf(1);
  dead_ = {1};  // its kubelet only
  Do(SetNode(1, false));
  Do(Remove(k8s::kPods, {"ns", PodOf(1)}));
  Do(Remove(k8s::kNodes, {"", NodeOf(1)}));
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(UidOf(1), before);
  EXPECT_EQ(WhyDegraded(), "PodStuckTerminating");
  kafka_.End(1);
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(1)));
}

TEST_P(HealTest, ThroughFaultsAndRestarts) {
  ASSERT_NO_FATAL_FAILURE(Begin(5));
  Faults();
  for (int round = 0; round < 6; ++round) {
    const auto id = static_cast<int32_t>(node_.env().random.Below(5));
    if (round == 3) {
      LoseNode(id);
      Do(Remove(k8s::kNodes, {"", NodeOf(id)}));
    } else {
      kafka_.End(id);
    }
    world_.RunFor(absl::Milliseconds(static_cast<int64_t>(node_.env().random.Below(60'000))));
    if (node_.env().random.Below(2) == 0) StartOperator();
    world_.RunFor(absl::Minutes(3));
  }
  faulty_->Set({});
  kafka_.SetFaults(0, 0);
  ASSERT_TRUE(Ready({0, 1, 2, 3, 4}, absl::Minutes(10)));
  ExpectNoHarm();
}

INSTANTIATE_TEST_SUITE_P(Seeds, HealTest, testing::Range<uint64_t>(1, 5));

}  // namespace
}  // namespace dohle::tests
