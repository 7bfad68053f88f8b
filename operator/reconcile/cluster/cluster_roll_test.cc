#include "operator/reconcile/cluster/cluster_roll.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/test_objects.h"

namespace dohle::reconcile {
namespace {

constexpr char kThree[] = R"({"brokers":3})";
constexpr char kChanged[] =
    R"({"brokers":3,"config":{"log.retention.hours":"1"},"terminationGracePeriodSeconds":30})";

class ClusterRollTest : public testing::Test {
 protected:
  ClusterRollTest() : live_(AsAsked(TestCluster(kThree))) {}

  std::vector<PlannedStep> Steps() const {
    return PlanCluster("quickstart", "cluster-uid", DesiredObjects(cluster_, live_, {}), live_);
  }
  std::vector<RollBroker> Brokers() const {
    return RollBrokers(
        BrokerPods(cluster_, live_), Steps(), [](const std::string&) { return false; }, "quickstart");
  }
  std::string Applied(const RollPlan& roll) const {
    std::vector<PlannedStep> steps = Steps();
    ApplyRoll(roll, cluster_, 1'000'000, &steps);
    std::string text;
    for (const PlannedStep& step : steps) {
      if (step.restarts == kNoNode && step.action == nullptr) continue;
      text += fmt::format("{} {}: {}", step.shown.action, step.shown.object, step.shown.reason);
      if (step.blocked()) text += " | " + step.shown.blocked_by;
      if (step.action != nullptr) {
        if (const auto* alter = std::get_if<AlterConfigs>(step.action.get())) {
          const AlterConfigs::Change& change = alter->changes.at(0);
          text += fmt::format(" | {} of broker {}: {}", change.key, change.name, change.value.value_or("-"));
        }
      }
      text += "\n";
    }
    return text;
  }

  ClusterResource cluster_ = TestCluster(kChanged);
  LiveObjects live_;
};

TEST_F(ClusterRollTest, SeesWhoNeedsARestart) {
  const std::vector<RollBroker> brokers = Brokers();
  ASSERT_EQ(brokers.size(), 3u);
  for (const RollBroker& broker : brokers) {
    EXPECT_TRUE(broker.restart && broker.ready && broker.pod && !broker.deleting) << broker.id.value();
  }
  cluster_ = TestCluster(kThree);
  for (const RollBroker& broker : Brokers()) EXPECT_FALSE(broker.restart) << broker.id.value();
}

TEST_F(ClusterRollTest, TheWaveGoesWithPermitsAndOthersWait) {
  RollPlan roll;
  roll.wave = {NodeId(0), NodeId(2)};
  roll.serves = true;
  roll.wave_reason = "two at once";
  roll.waits = "its turn comes";
  EXPECT_EQ(Applied(roll),
            "RestartBroker Pod/quickstart-broker-0: changed since its Pod was made: config "
            "log.retention.hours, terminationGracePeriodSeconds; two at once"
            " | dohle.restart.permit.until.ms of broker 0: 1090000\n"
            "RestartBroker Pod/quickstart-broker-1: changed since its Pod was made: config "
            "log.retention.hours, terminationGracePeriodSeconds"
            " | its turn comes\n"
            "RestartBroker Pod/quickstart-broker-2: changed since its Pod was made: config "
            "log.retention.hours, terminationGracePeriodSeconds; two at once"
            " | dohle.restart.permit.until.ms of broker 2: 1090000\n");
}

TEST_F(ClusterRollTest, TheWaveGoesInItsOrder) {
  RollPlan roll;
  roll.wave = {NodeId(1), NodeId(2), NodeId(0)};
  std::vector<PlannedStep> steps = Steps();
  ApplyRoll(roll, cluster_, 1'000'000, &steps);
  std::vector<NodeId> order;
  for (const PlannedStep& step : steps) {
    if (step.restarts != kNoNode) order.push_back(step.restarts);
  }
  EXPECT_EQ(order, roll.wave);
  EXPECT_EQ(steps.size(), Steps().size());
}

TEST_F(ClusterRollTest, WhoServesNobodyNeedsNoPermit) {
  RollPlan roll;
  roll.wave = {NodeId(1)};
  roll.wave_reason = "nobody is served by it";
  roll.waits = "not now";
  EXPECT_NE(Applied(roll).find("broker-1: changed since its Pod was made: config log.retention.hours, "
                               "terminationGracePeriodSeconds; nobody is served by "
                               "it\n"),
            std::string::npos)
      << Applied(roll);
}

TEST_F(ClusterRollTest, LeadersComeBackBeforeAll) {
  RollPlan roll;
  roll.waits = "leaders first";
  roll.leaders_to_return = {{"t", 3}, {"t", 4}};
  EXPECT_TRUE(
      Applied(roll).starts_with("ElectLeaders Cluster/quickstart: 2 partitions aren't led by their preferred "
                                "replicas after a restart, such as "
                                "t-3\n"))
      << Applied(roll);
}

}  // namespace
}  // namespace dohle::reconcile
