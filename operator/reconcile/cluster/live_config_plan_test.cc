#include "operator/reconcile/cluster/live_config_plan.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/test_objects.h"

namespace dohle::reconcile {
namespace {

std::string ToText(const LiveConfigPlan& plan) {
  std::string text;
  for (const auto& change : plan.changes) text += change.key + "=" + change.value.value_or("-") + " ";
  text += "|";
  for (const auto& [key, value] : plan.remembered) text += " " + key + "=" + value;
  return text;
}

std::string Plan(const ConfigValues& desired, const ConfigValues& remembered,
                 const std::optional<ConfigValues>& observed, const ConfigValues& fallback = {}) {
  return ToText(PlanLiveConfig(desired, remembered, observed, fallback));
}

TEST(LiveConfigPlanTest, SetsWhatIsAskedFor) {
  EXPECT_EQ(Plan({{"a", "1"}, {"b", "TRUE"}}, {}, ConfigValues{{"b", "true"}}), "a=1 | a=1 b=TRUE");
  EXPECT_EQ(Plan({{"a", "2"}}, {{"a", "1"}}, ConfigValues{{"a", "1"}}), "a=2 | a=2");
  EXPECT_EQ(Plan({{"a", "2"}}, {{"a", "2"}}, ConfigValues{{"a", "2"}}), "| a=2");
}

TEST(LiveConfigPlanTest, TakesBackWhatItSetAndNothingElse) {
  EXPECT_EQ(Plan({}, {{"a", "1"}}, ConfigValues{{"a", "1"}, {"of.others", "x"}}), "a=- | a=1")
      << "remembered until it is seen to be gone";
  EXPECT_EQ(Plan({}, {{"a", "1"}}, ConfigValues{{"of.others", "x"}}), "|");
  EXPECT_EQ(Plan({}, {{"a", "1"}}, ConfigValues{{"a", "7"}}), "|") << "somebody else has set it since";
}

TEST(LiveConfigPlanTest, FallsBackWhereThereMustBeAValue) {
  EXPECT_EQ(Plan({}, {{"m", "1"}}, ConfigValues{{"m", "1"}}, {{"m", "2"}}), "m=2 | m=1");
  EXPECT_EQ(Plan({}, {{"m", "1"}}, ConfigValues{{"m", "2"}}, {{"m", "2"}}), "|");
  EXPECT_EQ(Plan({}, {{"m", "2"}}, ConfigValues{{"m", "2"}}, {{"m", "2"}}), "|");
}

TEST(LiveConfigPlanTest, ForgetsNothingWhileNobodyAnswers) {
  EXPECT_EQ(Plan({{"a", "1"}}, {{"b", "2"}}, std::nullopt), "| a=1 b=2");
}

TEST(LiveConfigPlanTest, NoBrokerIsRestartedForIt) {
  const ClusterResource before = TestCluster(R"({"brokers":3})");
  const ClusterResource after = TestCluster(R"({"brokers":3,"config":{"log.retention.ms":"1000"}})");
  const LiveObjects live = AsAsked(before);
  std::vector<DesiredObject> desired = DesiredObjects(after, live, {});
  const auto step = ApplyLiveConfig(after, live, ConfigValues(), {}, &desired);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->shown.reason, "set while the brokers run: log.retention.ms=1000");
  EXPECT_EQ(reconcile::ToText(PlanCluster("quickstart", "cluster-uid", desired, live)),
            "ApplyConfigMap ConfigMap/quickstart-config: metadata.annotations differs from what is asked\n");
  desired = DesiredObjects(before, live, {});
  EXPECT_FALSE(ApplyLiveConfig(before, live, ConfigValues(), {}, &desired).has_value());
  EXPECT_EQ(reconcile::ToText(PlanCluster("quickstart", "cluster-uid", desired, live)), "");
}

TEST(LiveConfigPlanTest, AThrottleIsRememberedUntilItIsTakenBack) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live = AsAsked(cluster);
  const ConfigValues throttle = {{kLeaderThrottle, "1000"}, {kFollowerThrottle, "1000"}};
  std::vector<DesiredObject> desired = DesiredObjects(cluster, live, {});
  const auto set = ApplyLiveConfig(cluster, live, ConfigValues(), throttle, &desired);
  ASSERT_TRUE(set);
  EXPECT_EQ(std::get<AlterConfigs>(*set->action).changes.size(), 2U);
  EXPECT_TRUE(set->background);
  for (const DesiredObject& object : desired) {
    if (object.resource == k8s::kConfigMaps) Store(live, k8s::kConfigMaps, object.body);
  }
  EXPECT_EQ(RememberedLiveConfig(cluster, live), throttle);
  desired = DesiredObjects(cluster, live, {});
  EXPECT_FALSE(ApplyLiveConfig(cluster, live, throttle, throttle, &desired));
  const auto taken_back = ApplyLiveConfig(cluster, live, throttle, {}, &desired);
  ASSERT_TRUE(taken_back);
  EXPECT_FALSE(std::get<AlterConfigs>(*taken_back->action).changes[0].value);
  // Another value is somebody else's.
  EXPECT_FALSE(ApplyLiveConfig(cluster, live, ConfigValues{{kLeaderThrottle, "5"}}, {}, &desired));
}

}  // namespace
}  // namespace dohle::reconcile
