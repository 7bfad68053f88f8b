// Clusters that grow and shrink, with an API server and a Kafka cluster that misbehave and an operator that
// is restarted at any moment: they always become what was asked last, and nothing is ever lost on the way.

#include <gtest/gtest.h>

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
#include "operator/resources/names.h"
#include "tests/operator/faulty_client.h"
#include "tests/operator/kafka_model.h"

namespace dohle::tests {
namespace {

using k8s::Json;

class Silent : public reconcile::EventSink {
 public:
  void Normal(const k8s::Resource&, const k8s::ObjectMeta&, std::string_view, std::string_view,
              std::string) override {}
  void Warning(const k8s::Resource&, const k8s::ObjectMeta&, std::string_view, std::string_view,
               std::string) override {}
};

// What a Pod's arguments say of the first voters: "0@host:9093:directory,...".
std::set<int32_t> FirstVoters(const Json& pod) {
  std::set<int32_t> ids;
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

class ScaleTest : public testing::TestWithParam<uint64_t> {
 protected:
  ScaleTest()
      : world_(GetParam()),
        node_(world_.AddNode("operator")),
        executor_(*node_.env().executors[0]),
        kafka_(executor_, node_.env().random) {
    auto opened = local::ApiStore::Open(node_.env(), executor_, "");
    store_ = std::move(*opened);
    faulty_ = std::make_unique<FaultyClient>(*store_, node_.env().random);
    Do(Kubelet());
  }
  ~ScaleTest() override { node_.Crash(env::SimNode::Death::kProcess); }

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

  env::Task<void> Kubelet() {
    for (;;) {
      const k8s::ListOptions all;
      const auto page = co_await store_->List(k8s::kPods, all);
      for (const Json& pod : page->items) co_await RunPod(pod);
      co_await env::Sleep(absl::Milliseconds(300));
    }
  }
  // Braced JSON has no place in a coroutine (g++ 12).
  static Json Running() {
    return {{"status",
             {{"phase", "Running"},
              {"podIP", "10.0.0.7"},
              {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  }
  env::Task<void> RunPod(Json pod) {
    const k8s::ObjectName name{"ns", k8s::FindString(pod, "metadata.name")};
    const int32_t id = std::stoi(pod["metadata"]["labels"]["dohle.dev/broker-id"].get<std::string>());
    if (k8s::Find(pod, "metadata.deletionTimestamp") != nullptr) {
      kafka_.End(id);
      k8s::DeleteOptions now;
      now.grace_period_s = 0;
      now.uid = k8s::FindString(pod, "metadata.uid");
      static_cast<void>(co_await store_->Delete(k8s::kPods, name, now));
      co_return;
    }
    if (k8s::FindString(pod, "status.phase") == "Running") co_return;
    const k8s::ObjectName claim_name{"ns", "data-quickstart-" + std::to_string(id)};
    const auto claim = co_await store_->Get(k8s::kPersistentVolumeClaims, claim_name);
    if (!claim.ok()) co_return;
    std::string& disk = disks_[id];
    const std::string uid = k8s::FindString(*claim, "metadata.uid");
    if (!disk.empty() && disk != uid) kafka_.Wipe(id);
    disk = uid;
    kafka_.Start(id, FirstVoters(pod));
    const Json status = Running();
    static_cast<void>(co_await store_->MergePatch(k8s::kPods, name, status, k8s::Subresource::kStatus));
  }

  void Ask(int brokers, Json more = Json::object(), Json annotations = Json::object()) {
    Json spec = std::move(more);
    spec["brokers"] = brokers;
    Do(ApplyCluster(std::move(spec), std::move(annotations)));
    world_.RunFor(absl::Milliseconds(1));
  }
  env::Task<void> ApplyCluster(Json spec, Json annotations) {
    Json cluster = k8s::NewObject(k8s::kClusters, {"ns", "quickstart"});
    cluster["spec"] = std::move(spec);
    cluster["metadata"]["annotations"] = std::move(annotations);
    k8s::ApplyOptions options;
    options.field_manager = "kubectl";
    const auto applied = co_await store_->Apply(k8s::kClusters, cluster, options);
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
  env::Task<void> Read(k8s::Resource resource, std::string name, Json* out) {
    const k8s::ObjectName object{"ns", std::move(name)};
    auto got = co_await store_->Get(resource, object);
    *out = got.ok() ? std::move(*got) : Json(nullptr);
  }
  Json Get(const k8s::Resource& resource, const std::string& name) {
    Json object;
    Do(Read(resource, name, &object));
    world_.RunFor(absl::Milliseconds(1));
    return object;
  }
  std::string Phase() { return k8s::FindString(Get(k8s::kClusters, "quickstart"), "status.phase"); }

  // As asked, and at rest; `phase` for what was asked last.
  bool Becomes(const std::string& phase, const std::set<int32_t>& running,
               absl::Duration within = absl::Minutes(5)) {
    const env::MonotonicTime end = world_.now() + within;
    while (world_.now() < end) {
      const Json cluster = Get(k8s::kClusters, "quickstart");
      const bool seen = k8s::FindInt(cluster, "status.observedGeneration", 0) ==
                        k8s::FindInt(cluster, "metadata.generation", -1);
      if (seen && k8s::FindString(cluster, "status.phase") == phase && kafka_.running() == running)
        return true;
      world_.RunFor(absl::Milliseconds(200));
    }
    const Json cluster = Get(k8s::kClusters, "quickstart");
    ADD_FAILURE() << (cluster.is_null() ? "" : cluster["status"].dump(1));
    return false;
  }
  bool Ready(const std::set<int32_t>& brokers) { return Becomes("Ready", brokers); }
  void Faults(bool on) {
    if (!on) {
      faulty_->Set({});
      kafka_.SetFaults(0, 0);
      return;
    }
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
  Silent events_;
  KafkaModel kafka_;
  std::map<int32_t, std::string> disks_;  // the uid of the claim, by broker
  std::unique_ptr<env::StopSignal> stop_;
  std::unique_ptr<reconcile::ClusterController> controller_;
};

using Ids = std::set<int32_t>;

TEST_P(ScaleTest, OutAndInAgain) {
  StartOperator();
  Ask(1);
  ASSERT_TRUE(Ready({0}));
  EXPECT_EQ(kafka_.voters(), (Ids{0}));
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  Ask(5);
  ASSERT_TRUE(Ready({0, 1, 2, 3, 4}));
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  kafka_.CreateTopic("t", 20, 3);
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(kafka_.registered(), (Ids{0, 1, 2}));
  EXPECT_EQ(kafka_.ReplicasOf("t").size(), 60U);
  EXPECT_EQ(
      Get(k8s::kPersistentVolumeClaims, "data-quickstart-4")["metadata"]["annotations"]["dohle.dev/removal"],
      "done");
  // Refused, and nothing has moved.
  Ask(1);
  ASSERT_TRUE(Becomes("Degraded", {0, 1, 2}));
  EXPECT_NE(Get(k8s::kClusters, "quickstart")["status"].dump().find("topic t has 3 replicas"),
            std::string::npos);
  kafka_.DeleteTopic("t");
  ASSERT_TRUE(Ready({0}));
  EXPECT_EQ(kafka_.voters(), (Ids{0}));
  EXPECT_EQ(kafka_.registered(), (Ids{0}));
  // The claims that were kept are taken up again.
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  ExpectNoHarm();
}

TEST_P(ScaleTest, ThroughFaultsAndRestartsFromEverywhere) {
  Faults(true);
  StartOperator();
  int asked = 3;
  Ask(asked);
  Ids all;
  for (int round = 0; round < 8; ++round) {
    // Whatever is under way is changed half-way, with or without the same operator.
    asked = 1 + static_cast<int>(node_.env().random.Below(7));
    Ask(asked);
    world_.RunFor(absl::Milliseconds(static_cast<int64_t>(node_.env().random.Below(20'000))));
    if (node_.env().random.Below(2) == 0) StartOperator();
    if (round == 2 && !kafka_.registered().empty()) kafka_.CreateTopic("t", 6, 1);
  }
  Faults(false);
  world_.RunFor(absl::Minutes(2));
  const env::MonotonicTime end = world_.now() + absl::Minutes(10);
  while (world_.now() < end && (Phase() != "Ready" || static_cast<int>(kafka_.running().size()) != asked))
    world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Phase(), "Ready") << Get(k8s::kClusters, "quickstart")["status"].dump(1);
  EXPECT_EQ(static_cast<int>(kafka_.running().size()), asked);
  EXPECT_EQ(kafka_.registered(), kafka_.running());
  EXPECT_EQ(static_cast<int>(kafka_.voters().size()), asked >= 7 ? 5 : asked >= 3 ? 3 : 1);
  ExpectNoHarm();
  world_.RunFor(absl::Seconds(30));
  const int64_t writes = faulty_->writes();
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(faulty_->writes(), writes) << "nothing changes, yet something is written";
}

TEST_P(ScaleTest, TheBrokersThatAreNamedGo) {
  StartOperator();
  Ask(4);
  ASSERT_TRUE(Ready({0, 1, 2, 3}));
  kafka_.CreateTopic("t", 8, 2);
  Ask(3, Json::object(), {{"dohle.dev/remove-brokers", "0"}});
  ASSERT_TRUE(Ready({1, 2, 3}));
  EXPECT_EQ(kafka_.voters(), (Ids{1, 2, 3}));
  ExpectNoHarm();
}

TEST_P(ScaleTest, ClaimsGoIfThePolicySaysSo) {
  StartOperator();
  const Json policy = {{"storage", {{"scaleDownPolicy", "Delete"}}}};
  Ask(3, policy);
  ASSERT_TRUE(Ready({0, 1, 2}));
  Ask(2, policy);
  ASSERT_TRUE(Ready({0, 1}));
  EXPECT_EQ(kafka_.voters().size(), 1U);
  EXPECT_TRUE(Get(k8s::kPersistentVolumeClaims, "data-quickstart-2").is_null());
  EXPECT_FALSE(Get(k8s::kPersistentVolumeClaims, "data-quickstart-1").is_null());
}

Json Storage(const char* storage_class, const char* size) {
  return {
      {"storage", {{"volumes", {{{"name", "data"}, {"size", size}, {"storageClassName", storage_class}}}}}}};
}

TEST_P(ScaleTest, VolumesAreMadeAnewOneBrokerAtATime) {
  StartOperator();
  Ask(3, Storage("slow", "20Gi"));
  ASSERT_TRUE(Ready({0, 1, 2}));
  kafka_.CreateTopic("spread", 6, 3);
  kafka_.CreateTopic("single", 6, 1);
  Ask(3, Storage("fast", "10Gi"));
  size_t fewest = 3;
  const env::MonotonicTime end = world_.now() + absl::Minutes(10);
  const auto done = [&] {
    int fast = 0;
    for (const char* id : {"0", "1", "2"}) {
      const Json claim = Get(k8s::kPersistentVolumeClaims, std::string("data-quickstart-") + id);
      const bool is = k8s::FindString(claim, "spec.storageClassName") == "fast" &&
                      k8s::FindString(claim, "spec.resources.requests.storage") == "10Gi";
      fast += is ? 1 : 0;
    }
    return fast == 3;
  };
  while (world_.now() < end && !done()) {
    world_.RunFor(absl::Milliseconds(100));
    fewest = std::min(fewest, kafka_.running().size());
  }
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(fewest, 2U);
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  EXPECT_EQ(kafka_.ReplicasOf("spread").size(), 18U);
  EXPECT_EQ(kafka_.ReplicasOf("single").size(), 6U);
  ExpectNoHarm();
}

TEST_P(ScaleTest, VolumesAreMadeAnewThroughFaultsAndChangesOfMind) {
  Faults(true);
  StartOperator();
  Ask(3, Storage("slow", "20Gi"));
  world_.RunFor(absl::Minutes(1));
  kafka_.CreateTopic("spread", 6, 3);
  kafka_.CreateTopic("single", 6, 1);
  for (int round = 0; round < 6; ++round) {
    const bool fast = node_.env().random.Below(2) == 0;
    Ask(3 + static_cast<int>(node_.env().random.Below(2)),
        Storage(fast ? "fast" : "slow", fast ? "10Gi" : "20Gi"));
    world_.RunFor(absl::Milliseconds(static_cast<int64_t>(node_.env().random.Below(60'000))));
    if (node_.env().random.Below(2) == 0) StartOperator();
  }
  Ask(3, Storage("fast", "10Gi"));
  Faults(false);
  ASSERT_TRUE(Becomes("Ready", {0, 1, 2}, absl::Minutes(20)));
  for (const char* id : {"0", "1", "2"}) {
    const Json claim = Get(k8s::kPersistentVolumeClaims, std::string("data-quickstart-") + id);
    EXPECT_EQ(k8s::FindString(claim, "spec.storageClassName"), "fast");
  }
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  EXPECT_EQ(kafka_.ReplicasOf("spread").size(), 18U);
  ExpectNoHarm();
}

TEST_P(ScaleTest, SleepsAndWakesWhole) {
  StartOperator();
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  kafka_.CreateTopic("t", 3, 3);
  Ask(3, {{"hibernated", true}});
  ASSERT_TRUE(Becomes("Hibernated", {}));
  StartOperator();
  world_.RunFor(absl::Minutes(5));
  EXPECT_EQ(Phase(), "Hibernated");
  EXPECT_EQ(kafka_.running(), (Ids{}));
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  ExpectNoHarm();
}

TEST_P(ScaleTest, FencedBrokersStayStopped) {
  StartOperator();
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  Ask(3, Json::object(), {{"dohle.dev/fence", "1"}});
  world_.RunFor(absl::Minutes(1));
  EXPECT_EQ(kafka_.running(), (Ids{0, 2}));
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  ExpectNoHarm();
}

// It comes back as another voter, never as the one that has forgotten what it voted for.
TEST_P(ScaleTest, ALostClaimIsAnotherVoter) {
  StartOperator();
  Ask(3);
  ASSERT_TRUE(Ready({0, 1, 2}));
  Do([](k8s::Client* store) -> env::Task<void> {
    const k8s::ObjectName claim{"ns", "data-quickstart-1"};
    const k8s::ObjectName pod{"ns", "quickstart-broker-1"};
    const k8s::DeleteOptions options;
    static_cast<void>(co_await store->Delete(k8s::kPersistentVolumeClaims, claim, options));
    static_cast<void>(co_await store->Delete(k8s::kPods, pod, options));
  }(store_.get()));
  kafka_.End(1);
  kafka_.Wipe(1);
  world_.RunFor(absl::Seconds(10));
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  ExpectNoHarm();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ScaleTest, testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace dohle::tests
