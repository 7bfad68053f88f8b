#include "operator/reconcile/cluster/rolling_restart.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/test_objects.h"

namespace dohle::reconcile {
namespace {

class RollingRestartTest : public testing::Test {
 protected:
  RollingRestartTest() : pods_(3) {
    for (size_t id = 0; id < pods_.size(); ++id) {
      pods_[id].id = static_cast<int32_t>(id);
      pods_[id].ready = true;
    }
    facts_.brokers.resize(3);
  }
  std::string Why() const { return WhyNoRestart(pods_, status_, facts_); }

  std::vector<PodState> pods_;
  Status status_ = OkStatus();
  ClusterFacts facts_;
};

TEST_F(RollingRestartTest, WaitsUntilAllIsInSync) {
  EXPECT_EQ(Why(), "");
  facts_.under_replicated_partitions = 2;
  EXPECT_EQ(Why(), "2 partitions have fewer in-sync replicas than replicas");
  facts_.offline_partitions = 1;
  EXPECT_EQ(Why(), "1 partitions have no leader");
  facts_.brokers.pop_back();
  EXPECT_EQ(Why(), "2 of 3 brokers are registered");
  status_ = MakeStatus(StatusCode::kUnavailable, "x");
  EXPECT_EQ(Why(), "no broker tells whether its partitions are in sync");
  pods_[1].ready = false;
  EXPECT_EQ(Why(), "broker 1 isn't ready");
  pods_.resize(1);
  EXPECT_EQ(Why(), "");
}

constexpr char kThree[] = R"({"brokers":3})";
constexpr char kChanged[] = R"({"brokers":3,"config":{"log.retention.hours":"1"}})";

std::string Plan(const ClusterResource& cluster, const LiveObjects& live, const std::string& no_restart) {
  return ToText(
      PlanCluster("quickstart", "cluster-uid", DesiredObjects(cluster, live, {}), live, no_restart));
}

TEST_F(RollingRestartTest, OneAfterTheOther) {
  const std::string reason = ": its configuration or its Pod template has changed";
  EXPECT_EQ(Plan(TestCluster(kChanged), AsAsked(TestCluster(kThree)), ""),
            "ApplyConfigMap ConfigMap/quickstart-config: data.server.properties differs from what is asked\n"
            "RestartBroker Pod/quickstart-broker-0" +
                reason +
                "\n"
                "RestartBroker Pod/quickstart-broker-1" +
                reason +
                " | blocked: brokers are restarted one after the other\n"
                "RestartBroker Pod/quickstart-broker-2" +
                reason + " | blocked: brokers are restarted one after the other\n");
}

TEST_F(RollingRestartTest, NoneWhileAnythingIsAmiss) {
  const std::string plan = Plan(TestCluster(kChanged), AsAsked(TestCluster(kThree)), "not now");
  for (const char* pod : {"broker-0", "broker-1", "broker-2"}) {
    EXPECT_NE(plan.find(std::string(pod) +
                        ": its configuration or its Pod template has changed | blocked: not now"),
              std::string::npos)
        << plan;
  }
}

// A configuration that keeps a broker from starting can be mended.
TEST_F(RollingRestartTest, ABrokerThatServesNobodyNeedsNotWait) {
  LiveObjects live = AsAsked(TestCluster(kThree));
  Store(live, k8s::kPods, *live["pods"].at({"ns", "quickstart-broker-1"})->body,
        k8s::Json::parse(R"({"status":{"conditions":[{"type":"Ready","status":"False"}]}})"));
  const std::string reason = ": its configuration or its Pod template has changed";
  EXPECT_EQ(Plan(TestCluster(kChanged), live, "broker 1 isn't ready"),
            "ApplyConfigMap ConfigMap/quickstart-config: data.server.properties differs from what is asked\n"
            "RestartBroker Pod/quickstart-broker-0" +
                reason +
                " | blocked: broker 1 isn't ready\n"
                "RestartBroker Pod/quickstart-broker-1" +
                reason +
                "\n"
                "RestartBroker Pod/quickstart-broker-2" +
                reason + " | blocked: broker 1 isn't ready\n");
}

}  // namespace
}  // namespace dohle::reconcile
