// Clusters that grow and shrink, with an API server and a Kafka cluster that misbehave and an operator that
// is restarted at any moment: they always become what was asked last, and nothing is ever lost on the way.

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/operator/cluster_world.h"
#include "tests/operator/kafka_model.h"

namespace dohle::tests {
namespace {

using k8s::Json;

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

class ScaleTest : public ClusterWorld, public testing::TestWithParam<uint64_t> {
 protected:
  ScaleTest() : ClusterWorld(GetParam()), kafka_(executor_, node_.env().random) { Do(Kubelet()); }
  ~ScaleTest() override { Crash(); }

  void StartOperator() { ClusterWorld::StartOperator(kafka_); }

  env::Task<void> RunPod(Json pod) override {
    const int32_t id = std::stoi(pod["metadata"]["labels"]["dohle.dev/broker-id"].get<std::string>());
    if (IsLeaving(pod)) {
      kafka_.End(id);
      co_await Remove(std::move(pod));
    } else if (!IsRunning(pod)) {
      const k8s::ObjectName claim_name{"ns", "data-quickstart-" + std::to_string(id)};
      const auto claim = co_await store_->Get(k8s::kPersistentVolumeClaims, claim_name);
      if (!claim.ok()) co_return;
      std::string& disk = disks_[id];
      const std::string uid = k8s::FindString(*claim, "metadata.uid");
      if (!disk.empty() && disk != uid) kafka_.ReplaceDisk(id);
      disk = uid;
      kafka_.Start(id, FirstVoters(pod));
      co_await ShowRunning(std::move(pod));
    }
  }

  void Ask(int brokers, Json more = Json::object(), Json annotations = Json::object()) {
    Json spec = std::move(more);
    spec["brokers"] = brokers;
    Do(ApplyCluster(std::move(spec), std::move(annotations)));
    world_.RunFor(absl::Milliseconds(1));
  }

  // As asked, and at rest; `phase` for what was asked last.
  bool Becomes(const std::string& phase, const std::set<int32_t>& running,
               absl::Duration within = absl::Minutes(5)) {
    const env::MonotonicTime end = world_.now() + within;
    while (world_.now() < end) {
      const Json cluster = Cluster();
      if (HasSeen(cluster) && k8s::FindString(cluster, "status.phase") == phase &&
          kafka_.running() == running)
        return true;
      world_.RunFor(absl::Milliseconds(200));
    }
    const Json cluster = Cluster();
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

  KafkaModel kafka_;
  std::map<int32_t, std::string> disks_;  // the uid of the claim, by broker
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
  EXPECT_NE(Cluster()["status"].dump().find("topic t has 3 replicas"), std::string::npos);
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
  EXPECT_EQ(Phase(), "Ready") << Cluster()["status"].dump(1);
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
  world_.RunFor(absl::Minutes(2));  // replicas are spread again meanwhile
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
