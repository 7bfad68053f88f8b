// The Cluster reconciler against an API server in memory that misbehaves, with a kubelet that takes its time:
// from every point it converges, and no Pod is started or stopped more often than was asked.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/operator/cluster_world.h"

namespace dohle::tests {
namespace {

using k8s::Json;

env::Task<StatusOr<std::string>> Tell(std::string version) { co_return version; }

class WellKafka : public reconcile::KafkaControl {
 public:
  env::Task<StatusOr<reconcile::Topology>> Observe(std::string) override {
    if (!answers) co_return MakeStatus(StatusCode::kUnavailable, "nobody answers");
    reconcile::Topology topology;
    topology.cluster_id = "the-cluster";
    co_return topology;
  }
  env::Task<reconcile::Features> DescribeFeatures(std::string) override { co_return features; }
  env::Task<Status> Take(std::string, reconcile::KafkaAction action) override {
    if (const auto* update = std::get_if<reconcile::UpdateFeature>(&action)) {
      features[update->feature].level = update->level;
      co_return OkStatus();
    }
    co_return MakeStatus(StatusCode::kUnimplemented, "nothing is asked of a single broker");
  }
  bool answers = true;
  reconcile::Features features = {{"metadata.version", {29, 29}}};
};

class ClusterControllerTest : public ClusterWorld, public testing::TestWithParam<uint64_t> {
 protected:
  ClusterControllerTest() : ClusterWorld(GetParam()) { Do(Kubelet()); }
  ~ClusterControllerTest() override { Crash(); }

  void StartOperator() {
    ClusterWorld::StartOperator(kafka_, [this](std::string) { return Tell(version_); });
  }

  // Pods become ready some time after they are made, and go some time after they are told to.
  env::Task<void> RunPod(Json pod) override {
    if (pods_.insert(k8s::FindString(pod, "metadata.uid")).second) ++started_;
    if (IsLeaving(pod)) {
      co_await Remove(std::move(pod));
      co_return;
    }
    if (IsRunning(pod)) co_return;
    if (k8s::FindString(pod, "spec.nodeName").empty()) {
      const Json on_node = OnNode();
      co_await Tamper(k8s::kPods, k8s::FindString(pod, "metadata.name"), on_node);
    }
    // The container that waits for the rack.
    if (k8s::Find(pod, "spec.initContainers") != nullptr) {
      const auto* told = k8s::Find(pod, "metadata.annotations");
      if (told == nullptr || !told->contains("dohle.dev/rack-node")) co_return;
      racks_.push_back(told->value("dohle.dev/rack", "?"));
    }
    const bool newer = pod["spec"]["containers"][0]["image"] == "b";
    version_ = newer ? "2.0.0" : "1.2.3";
    kafka_.features["metadata.version"].max = newer ? 30 : 29;
    co_await ShowRunning(std::move(pod));
  }
  // Braced JSON has no place in a coroutine (g++ 12).
  static Json OnNode() { return {{"spec", {{"nodeName", "n1"}}}}; }

  env::Task<void> MakeNode(Json labels) {
    Json node = k8s::NewObject(k8s::kNodes, {"", "n1"});
    node["metadata"]["labels"] = std::move(labels);
    return Apply(k8s::kNodes, std::move(node), "kubelet");
  }
  bool ReadyAt(int64_t generation) {
    const Json cluster = Cluster();
    return k8s::FindString(cluster, "status.phase") == "Ready" &&
           k8s::FindInt(cluster, "status.observedGeneration", 0) == generation;
  }
  bool BecomesReady(int64_t generation, absl::Duration within = absl::Minutes(5)) {
    const env::MonotonicTime end = world_.now() + within;
    while (world_.now() < end) {
      if (ReadyAt(generation)) return true;
      world_.RunFor(absl::Milliseconds(200));
    }
    return false;
  }

  WellKafka kafka_;
  std::string version_;  // of the broker that runs
  std::set<std::string> pods_;
  int started_ = 0;
  std::vector<std::string> racks_;  // that brokers started with
};

TEST_P(ClusterControllerTest, FromNothingToReadyAndQuietThen) {
  StartOperator();
  Do(ApplyCluster(Json::object()));
  ASSERT_TRUE(BecomesReady(1, absl::Seconds(10)));
  EXPECT_EQ(started_, 1);
  const Json status = Cluster()["status"];
  EXPECT_EQ(status["clusterId"], "the-cluster");
  EXPECT_EQ(status["brokers"][0]["version"], "1.2.3");
  world_.RunFor(absl::Seconds(30));
  const int64_t writes = faulty_->writes();
  world_.RunFor(absl::Minutes(30));
  EXPECT_EQ(faulty_->writes(), writes) << "nothing changes, yet something is written";
}

TEST_P(ClusterControllerTest, ThroughFaultsAndRestartsOfTheOperator) {
  faulty_->Set({.before = 0.15,
                .after = 0.15,
                .conflict = 0.05,
                .watch = 0.02,
                .most_delay = absl::Milliseconds(500)});
  StartOperator();
  Do(ApplyCluster(Json::object()));
  ASSERT_TRUE(BecomesReady(1));
  EXPECT_EQ(started_, 1);
  StartOperator();
  Do(ApplyCluster({{"config", {{"log.retention.hours", "1"}}}}));
  ASSERT_TRUE(BecomesReady(2));
  EXPECT_EQ(started_, 2);
  StartOperator();
  ASSERT_TRUE(BecomesReady(2));
  faulty_->Set({});
  world_.RunFor(absl::Minutes(5));
  EXPECT_EQ(started_, 2) << "a broker was restarted for no reason";
}

// An operator that makes other Pods, another server.properties and another image of the same Cluster.
TEST_P(ClusterControllerTest, AnotherOperatorRestartsNobody) {
  faulty_->Set({.before = 0.1, .after = 0.1, .conflict = 0.05, .most_delay = absl::Milliseconds(200)});
  StartOperator();
  Do(ApplyCluster(Json::object()));
  ASSERT_TRUE(BecomesReady(1));
  world_.RunFor(absl::Seconds(30));
  const Json before = Get(k8s::kPods, "quickstart-broker-0");

  options_.addressing = resources::Addressing::kPodIp;
  options_.broker_image = "dohle-broker:tomorrow";
  const Json theirs = {{"data", {{"server.properties", "an.older.operator=wrote it"}}}};
  Do(Tamper(k8s::kConfigMaps, "quickstart-config", theirs));
  const Json label = {{"metadata", {{"labels", {{"app.kubernetes.io/part-of", nullptr}}}}}};
  Do(Tamper(k8s::kPods, "quickstart-broker-0", label));
  StartOperator();
  world_.RunFor(absl::Minutes(5));
  EXPECT_TRUE(ReadyAt(1)) << Get(k8s::kClusters, "quickstart")["status"].dump(1);
  EXPECT_EQ(started_, 1);
  Json pod = Get(k8s::kPods, "quickstart-broker-0");
  EXPECT_EQ(pod["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_EQ(pod["spec"], before["spec"]);
  EXPECT_EQ(pod["metadata"]["labels"], before["metadata"]["labels"]) << "what changes live is mended";
  const Json config = Get(k8s::kConfigMaps, "quickstart-config")["data"];
  EXPECT_EQ(config.dump().find("an.older.operator"), std::string::npos);
  const Json upgrade = Get(k8s::kClusters, "quickstart")["status"]["upgrade"];
  EXPECT_EQ(upgrade["image"], "dohle-broker:latest");
  EXPECT_EQ(upgrade["availableImage"], "dohle-broker:tomorrow");
  const int64_t writes = faulty_->writes();
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(faulty_->writes(), writes);

  // With the next restart, whatever it is for, it comes to the Pod; the image by itself only.
  const Json roll = {{"metadata", {{"annotations", {{"dohle.dev/roll", "1"}}}}}};
  Do(Tamper(k8s::kClusters, "quickstart", roll));
  world_.RunFor(absl::Minutes(1));
  EXPECT_EQ(started_, 2);
  pod = Get(k8s::kPods, "quickstart-broker-0");
  EXPECT_NE(pod["spec"]["containers"][0]["args"], before["spec"]["containers"][0]["args"]);
  EXPECT_EQ(pod["spec"]["containers"][0]["image"], "dohle-broker:latest");
  Do(ApplyCluster({{"upgrade", {{"defaultImage", "Follow"}}}}));
  ASSERT_TRUE(BecomesReady(2));
  EXPECT_EQ(started_, 3);
  EXPECT_EQ(Get(k8s::kPods, "quickstart-broker-0")["spec"]["containers"][0]["image"],
            "dohle-broker:tomorrow");
}

TEST_P(ClusterControllerTest, AnImageThatIsNamedNoMoreIsKept) {
  StartOperator();
  Do(ApplyCluster({{"image", "registry.example/dohle:7"}}));
  ASSERT_TRUE(BecomesReady(1));
  Do(ApplyCluster(Json::object()));
  ASSERT_TRUE(BecomesReady(2));
  world_.RunFor(absl::Seconds(30));
  EXPECT_EQ(started_, 1);
}

TEST_P(ClusterControllerTest, LevelsAreRaisedAfterTheSoakAndThenThereIsNoWayBack) {
  StartOperator();
  const Json upgrade = {{"soakSeconds", 900}};
  Do(ApplyCluster({{"image", "a"}, {"upgrade", upgrade}}));
  ASSERT_TRUE(BecomesReady(1));
  Do(ApplyCluster({{"image", "b"}, {"upgrade", upgrade}}));
  ASSERT_TRUE(BecomesReady(2));
  world_.RunFor(absl::Minutes(7));
  Json status = Get(k8s::kClusters, "quickstart")["status"];
  EXPECT_TRUE(ReadyAt(2)) << status.dump(1);
  EXPECT_EQ(status["upgrade"]["version"], "2.0.0");
  EXPECT_EQ(status["upgrade"]["levels"]["metadata.version"], "29");
  EXPECT_EQ(status["plan"][0]["blockedBy"].get<std::string>().find("it soaks until "), 0U) << status.dump(1);
  const std::string since = status["upgrade"]["since"];

  StartOperator();
  world_.RunFor(absl::Minutes(6));
  EXPECT_EQ(kafka_.features["metadata.version"].level, 29);
  EXPECT_EQ(Get(k8s::kClusters, "quickstart")["status"]["upgrade"]["since"], since);
  world_.RunFor(absl::Minutes(3));
  EXPECT_EQ(kafka_.features["metadata.version"].level, 30);
  EXPECT_NE(events_.Text().find("RaiseFeatureLevel: Feature/metadata.version: metadata.version 29 to 30: "
                                "1 brokers run 2.0.0 since "),
            std::string::npos)
      << events_.Text();
  status = Get(k8s::kClusters, "quickstart")["status"];
  EXPECT_EQ(status["upgrade"]["levelsOf"], "2.0.0");
  EXPECT_FALSE(status.contains("plan")) << status.dump(1);

  Do(ApplyCluster({{"image", "a"}, {"upgrade", upgrade}}));
  world_.RunFor(absl::Minutes(1));
  EXPECT_EQ(started_, 2);
  EXPECT_EQ(Phase(), "Degraded");
  const std::string refusal = Get(k8s::kClusters, "quickstart")["status"]["plan"][0]["blockedBy"];
  EXPECT_EQ(refusal.find("a runs 1.2.3, which serves metadata.version up to 29, and 30 is in force"), 0U)
      << refusal;
  Do(ApplyCluster({{"image", "b"}, {"upgrade", upgrade}}));
  EXPECT_TRUE(BecomesReady(4));
  EXPECT_EQ(started_, 2);
}

TEST_P(ClusterControllerTest, BackBeforeTheSoakEnds) {
  StartOperator();
  const Json upgrade = {{"soakSeconds", 900}};
  Do(ApplyCluster({{"image", "a"}, {"upgrade", upgrade}}));
  ASSERT_TRUE(BecomesReady(1));
  Do(ApplyCluster({{"image", "b"}, {"upgrade", upgrade}}));
  ASSERT_TRUE(BecomesReady(2));
  world_.RunFor(absl::Minutes(10));
  Do(ApplyCluster({{"image", "a"}, {"upgrade", upgrade}}));
  ASSERT_TRUE(BecomesReady(3));
  world_.RunFor(absl::Minutes(20));
  EXPECT_EQ(kafka_.features["metadata.version"].level, 29);
  EXPECT_TRUE(ReadyAt(3));
  EXPECT_EQ(started_, 3);
}

TEST_P(ClusterControllerTest, DriftIsMended) {
  StartOperator();
  Do(ApplyCluster(Json::object()));
  ASSERT_TRUE(BecomesReady(1));
  Do(Tamper(k8s::kServices, "quickstart-bootstrap",
            {{"spec", {{"selector", {{"dohle.dev/cluster", "another"}}}}}}));
  world_.RunFor(absl::Seconds(15));
  const Json selector = Get(k8s::kServices, "quickstart-bootstrap")["spec"]["selector"];
  EXPECT_EQ(selector["dohle.dev/cluster"], "quickstart");
}

TEST_P(ClusterControllerTest, AStrangersObjectBlocksAndIsTold) {
  Json service = k8s::NewObject(k8s::kServices, {"ns", "quickstart-bootstrap"});
  service["spec"]["type"] = "ExternalName";
  Do([](k8s::Client* store, Json object) -> env::Task<void> {
    EXPECT_TRUE((co_await store->Create(k8s::kServices, std::move(object))).ok());
  }(store_.get(), service));
  StartOperator();
  Do(ApplyCluster(Json::object()));
  world_.RunFor(absl::Seconds(30));
  EXPECT_EQ(Phase(), "Degraded");
  EXPECT_EQ(Get(k8s::kServices, "quickstart-bootstrap")["spec"], service["spec"]);
  const std::string text = Cluster()["status"].dump();
  EXPECT_NE(text.find("delete or rename it"), std::string::npos) << text;
}

TEST_P(ClusterControllerTest, ABrokerThatDoesNotAnswerIsTold) {
  StartOperator();
  Do(ApplyCluster(Json::object()));
  ASSERT_TRUE(BecomesReady(1));
  kafka_.answers = false;
  world_.RunFor(absl::Seconds(15));
  EXPECT_EQ(Phase(), "Degraded");
  kafka_.answers = true;
  EXPECT_TRUE(BecomesReady(1, absl::Seconds(15)));
  EXPECT_EQ(started_, 1);
}

TEST_P(ClusterControllerTest, ABrokerWaitsForItsRack) {
  Do(MakeNode(Json::object()));
  StartOperator();
  const Json spec = {{"rack", {{"topologyKey", "example.com/zone"}}}};
  Do(ApplyCluster(spec));
  world_.RunFor(absl::Seconds(20));
  EXPECT_EQ(Phase(), "Degraded");
  const std::string text = Cluster()["status"].dump();
  EXPECT_NE(text.find("the Node has no label example.com/zone"), std::string::npos) << text;
  EXPECT_EQ(racks_, std::vector<std::string>{""});

  // Once it is known the broker is restarted with it, and then no more.
  Do(MakeNode({{"example.com/zone", "a"}}));
  world_.RunFor(absl::Seconds(30));
  ASSERT_TRUE(BecomesReady(1));
  EXPECT_EQ(racks_, (std::vector<std::string>{"", "a"}));
  const int64_t writes = faulty_->writes();
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(faulty_->writes(), writes);
  EXPECT_EQ(started_, 2);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClusterControllerTest, testing::Range<uint64_t>(1, 7));

}  // namespace
}  // namespace dohle::tests
