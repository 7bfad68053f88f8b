#include "operator/reconcile/cluster/cluster_healing.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/reconcile/cluster/test_objects.h"
#include "operator/reconcile/cluster/test_topology.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

class ClusterHealingTest : public ::testing::Test {
 protected:
  ClusterHealingTest() : live_(AsAsked(cluster_)), topology_({0, 1, 2}) {}

  HealBroker See(size_t broker) {
    const Formation formation = FormationOf(cluster_, live_, &*topology_);
    return HealSightOf(cluster_, formation, BrokerPods(cluster_, formation, live_), live_, nodes_,
                       &*topology_, kNowMs)
        .brokers.at(broker);
  }
  void Change(const k8s::Resource& resource, const std::string& name, const std::string& patch) {
    const Json body = *live_[resource.plural].at({"ns", name})->body;
    Store(live_, resource, body, Json::parse(patch));
  }

  static constexpr int64_t kNowMs = 1'000'000'000;
  ClusterResource cluster_ = TestCluster(
      R"({"brokers":3,"storage":{"volumes":[{"name":"data"},{"name":"more"}]},
          "healing":{"mode":"Report","replaceAfterSeconds":60}})");
  LiveObjects live_;
  NodeStates nodes_;
  TestTopology topology_;
};

TEST_F(ClusterHealingTest, AllIsWell) {
  const HealBroker broker = See(1);
  EXPECT_EQ(broker.pod, "quickstart-broker-1");
  EXPECT_TRUE(broker.wanted && broker.running && broker.started);
  EXPECT_FALSE(broker.deleting || broker.crash_looping || broker.damaged || broker.stuck_pending);
  ASSERT_EQ(broker.claims.size(), 2U);
  EXPECT_EQ(broker.claims[1].name, "more-quickstart-1");
  EXPECT_EQ(broker.claims[1].uid, "uid-of-more-quickstart-1");
  EXPECT_TRUE(DiskTroubleOf(broker).claims.empty());
}

TEST_F(ClusterHealingTest, FailedDirectoriesAreFoundByTheirPaths) {
  topology_.Broker(1).failed_directories = {"/var/lib/dohle/more/log"};
  EXPECT_FALSE(See(1).claims[0].failed);
  EXPECT_TRUE(See(1).claims[1].failed);
  EXPECT_FALSE(See(2).claims[1].failed);
  // Without Kubernetes.
  topology_.Broker(1).failed_directories = {"/home/me/.dohle/volumes/default/data-quickstart-1/log"};
  EXPECT_TRUE(See(1).claims[0].failed);
  EXPECT_FALSE(See(1).claims[1].failed);
}

TEST_F(ClusterHealingTest, DamagedUntilItHasBeenReady) {
  const char* kEnded = R"({"status":{"conditions":[{"type":"Ready","status":"False"}],
    "containerStatuses":[{"name":"broker","started":false,"restartCount":2,
      "state":{"running":{}},"lastState":{"terminated":{"exitCode":3}}}]}})";
  Change(k8s::kPods, "quickstart-broker-1", kEnded);
  EXPECT_TRUE(See(1).damaged) << "it runs for a moment";
  EXPECT_FALSE(See(0).damaged);
  Change(k8s::kPods, "quickstart-broker-1",
         R"({"status":{"containerStatuses":[{"name":"broker","started":true,
            "lastState":{"terminated":{"exitCode":3}}}]}})");
  EXPECT_FALSE(See(1).damaged);
  Change(k8s::kPods, "quickstart-broker-1",
         R"({"status":{"containerStatuses":[{"name":"broker","started":false,
            "lastState":{"terminated":{"exitCode":1}}}]}})");
  EXPECT_FALSE(See(1).damaged);
}

TEST_F(ClusterHealingTest, AClaimWithoutItsVolumeAndOneOfALostNode) {
  Change(k8s::kPersistentVolumeClaims, "more-quickstart-2", R"({"status":{"phase":"Lost"}})");
  EXPECT_TRUE(See(2).claims[1].lost);
  Change(k8s::kPersistentVolumeClaims, "data-quickstart-0",
         R"({"metadata":{"annotations":{"volume.kubernetes.io/selected-node":"n0"}}})");
  EXPECT_EQ(See(0).claims[0].node, "n0");
  EXPECT_EQ(See(0).claims[0].node_state, NodeState::kUnknown);
  nodes_["n0"] = NodeState::kGone;
  EXPECT_EQ(See(0).claims[0].node_state, NodeState::kGone);
  EXPECT_FALSE(See(0).no_node_for_volume);
  for (const char* words : {"1 node(s) had volume node affinity conflict",
                            "1 node(s) didn't match PersistentVolume's node affinity"}) {
    Change(k8s::kPods, "quickstart-broker-0",
           fmt::format(R"({{"status":{{"conditions":[{{"type":"PodScheduled","status":"False",
                          "message":"0/3 nodes are available: {}."}}]}}}})",
                       words));
    EXPECT_TRUE(See(0).no_node_for_volume) << words;
  }
}

TEST_F(ClusterHealingTest, StepsComeFirstAndOnlyOnce) {
  HealPlan plan;
  HealStep& step = plan.steps.emplace_back();
  step.kind = HealStep::Kind::kReplacePod;
  step.broker = NodeId(1);
  step.object = "quickstart-broker-1";
  step.uid = "u1";
  step.reason = "why";
  plan.steps.push_back(step);
  plan.steps.back().kind = HealStep::Kind::kForceDeletePod;
  plan.steps.back().uid = "u2";
  plan.steps.push_back(plan.steps.front());
  plan.steps.back().serves = true;
  plan.steps.back().uid = "u3";
  std::vector<PlannedStep> steps(1);
  steps.front().kind = PlannedStep::Kind::kDelete;
  steps.front().uid = "u1";
  steps.front().shown.action = "RestartBroker";
  AddHealing(plan, cluster_, kNowMs, &steps);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].grace_s, 0) << "by force";
  EXPECT_EQ(steps[0].shown.object, "Pod/quickstart-broker-1");
  EXPECT_EQ(steps[1].restarts, NodeId(1)) << "one that serves is asked for first";
  EXPECT_NE(steps[1].action, nullptr);
  EXPECT_EQ(steps[1].grace_s, std::nullopt);
  EXPECT_EQ(steps[2].shown.action, "RestartBroker");
}

TEST(ReadNodeStateTest, IsWhatTheNodeSays) {
  const auto of = [](const std::string& json) { return ReadNodeState(Json::parse(json)); };
  EXPECT_EQ(ReadNodeState(MakeStatus(StatusCode::kNotFound, "no")), NodeState::kGone);
  EXPECT_EQ(ReadNodeState(MakeStatus(StatusCode::kPermissionDenied, "no")), NodeState::kUnknown);
  EXPECT_EQ(ReadNodeState(MakeStatus(StatusCode::kUnavailable, "no")), NodeState::kUnknown);
  EXPECT_EQ(of(R"({"status":{"conditions":[{"type":"Ready","status":"True"}]}})"), NodeState::kReady);
  EXPECT_EQ(of(R"({"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}})"), NodeState::kNotReady);
  EXPECT_EQ(of("{}"), NodeState::kNotReady);
  EXPECT_EQ(of(R"({"spec":{"taints":[{"key":"node.kubernetes.io/unreachable"},
                    {"key":"node.kubernetes.io/out-of-service"}]}})"),
            NodeState::kOutOfService);
}

}  // namespace
}  // namespace dohle::reconcile
