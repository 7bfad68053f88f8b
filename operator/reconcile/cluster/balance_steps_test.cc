#include "operator/reconcile/cluster/balance_steps.h"

#include <gtest/gtest.h>

#include "operator/reconcile/balancing/test_topology.h"
#include "operator/reconcile/cluster/test_objects.h"

namespace dohle::reconcile {
namespace {

// All of a topic's 4 partitions of 1 GiB are on broker 0.
constexpr char kUneven[] = R"(broker 0
broker 1
topic orders in=8M
orders-0..3 over=0 bytes=1G
)";

class BalanceStepsTest : public testing::Test {
 protected:
  BalanceSteps Plan(const std::string& scene, const std::string& balance = "{}",
                    const std::optional<ThrottleConfig>& throttle = std::nullopt) {
    api::BalanceStatus status = cluster_.status.balance;
    const api::StringPairs annotations = cluster_.meta.annotations;
    cluster_ = TestCluster(R"({"balance":)" + balance + "}");
    EXPECT_TRUE(cluster_.faults.empty());
    cluster_.meta.annotations = annotations;
    cluster_.status.balance = status;
    cluster_.spec.balance.network_bytes_per_second = network_;
    const TopologyText text(scene);
    BalanceSteps planned = PlanBalance(cluster_, text.topology, text.goals, throttle);
    cluster_.status.balance = planned.status;
    return planned;
  }
  std::string Text(const std::string& scene, const std::string& balance = "{}") {
    return ToText(Plan(scene, balance).steps);
  }
  ClusterResource cluster_ = TestCluster();
  std::optional<std::string> network_;
};

TEST_F(BalanceStepsTest, NothingToDo) { EXPECT_EQ(Text("broker 0\ntopic a\na-0 0\n"), ""); }

TEST_F(BalanceStepsTest, MovesAreBegunAndTheirEffectIsShown) {
  const BalanceSteps planned = Plan(kUneven);
  EXPECT_EQ(
      ToText(planned.steps),
      "ReassignPartitions Cluster/quickstart: 2 now of load: 2 moves, 2.0 GiB; on each broker: replicas 0 "
      "to 4, then 2 to 2; bytes 0 B to 4.0 GiB, then 2.0 GiB to 2.0 GiB; bytes in/s 0 B to 8.0 MiB, then "
      "4.0 MiB to 4.0 MiB; leaders 0 to 4, then 2 to 2\n");
  const auto& action = std::get<ReassignPartitions>(*planned.steps[0].action);
  ASSERT_EQ(action.moves.size(), 2U);
  EXPECT_EQ(action.moves[0].topic, "orders");
  EXPECT_EQ(action.moves[0].replicas, Replicas{NodeId(1)});
}

TEST_F(BalanceStepsTest, NoMoreAtOnceThanAsked) {
  const BalanceSteps planned = Plan(kUneven, R"({"maxMovesInFlight":1})");
  EXPECT_EQ(std::get<ReassignPartitions>(*planned.steps[0].action).moves.size(), 1U);
  const BalanceSteps next = Plan(
      "broker 0\nbroker 1\ntopic orders\norders-0 1,0 adding=1 removing=0 isr=0 leader=0 bytes=1G\n"
      "orders-1..3 over=0 bytes=1G\n",
      R"({"maxMovesInFlight":1})");
  ASSERT_EQ(next.steps.size(), 1U);
  EXPECT_EQ(next.steps[0].shown.blocked_by, "1 partitions are being copied, 1 wait");
  EXPECT_TRUE(next.steps[0].awaited);
}

TEST_F(BalanceStepsTest, WhatIsUnderWayIsAwaited) {
  EXPECT_EQ(
      Text("broker 0\nbroker 1\ntopic a\na-0 1,0 adding=1 removing=0 isr=0 leader=0 bytes=1G\na-1 0 "
           "bytes=1G\n"),
      "ReassignPartitions Cluster/quickstart: all that was planned has begun | blocked: 1 partitions are "
      "being copied, 1.0 GiB in all\n");
}

TEST_F(BalanceStepsTest, OffMovesOnlyWhatHasTo) {
  constexpr char kOff[] = R"({"mode":"Off"})";
  EXPECT_EQ(Text(kUneven, kOff), "");
  EXPECT_EQ(
      Text(std::string(kUneven) + "broker 2\norders-4 2 bytes=1G\ndrain 2\n", kOff),
      "ReassignPartitions Cluster/quickstart: 1 now of emptied broker: 1 moves, 1.0 GiB; on each broker: "
      "replicas 0 to 4, then 1 to 4; bytes 0 B to 4.0 GiB, then 1.0 GiB to 4.0 GiB; bytes in/s 0 B to 6.4 "
      "MiB, then 1.6 MiB to 6.4 MiB; leaders 0 to 4, then 1 to 4\n");
}

TEST_F(BalanceStepsTest, APlanWaitsForItsApprovalAndOneIsGoodForOnePlan) {
  constexpr char kApprove[] = R"({"mode":"Approve"})";
  const BalanceSteps asked = Plan(kUneven, kApprove);
  ASSERT_EQ(asked.steps.size(), 1U);
  const std::string id = asked.status.plan;
  EXPECT_EQ(asked.steps[0].shown.blocked_by,
            "it waits for approval: set the annotation dohle.dev/approve to " + id);
  EXPECT_NE(asked.steps[0].shown.reason.find("plan " + id), std::string::npos);
  EXPECT_EQ(asked.steps[0].action, nullptr);
  // Another is not this one, and sizes don't matter.
  cluster_.meta.annotations = {{"dohle.dev/approve", "another"}};
  EXPECT_TRUE(Plan(kUneven, kApprove).steps[0].blocked());
  cluster_.meta.annotations = {{"dohle.dev/approve", id}};
  const BalanceSteps gone = Plan("broker 0\nbroker 1\ntopic orders\norders-0..3 over=0 bytes=2G\n", kApprove);
  ASSERT_EQ(gone.steps.size(), 1U);
  EXPECT_NE(gone.steps[0].action, nullptr);
  EXPECT_FALSE(gone.steps[0].blocked());
  // It isn't finished because a broker is away.
  EXPECT_EQ(Plan("broker 0\nbroker 1 fenced\ntopic orders\norders-0..3 over=0,1\n", kApprove).status.plan,
            id);
  EXPECT_EQ(cluster_.status.balance.finished, "");
  // When it is finished, the next one needs approval again.
  EXPECT_EQ(Plan("broker 0\nbroker 1\ntopic orders\norders-0..3 over=0,1\n", kApprove).status.finished, id);
  const BalanceSteps next = Plan(kUneven, kApprove);
  EXPECT_NE(next.status.plan, id);
  EXPECT_TRUE(next.steps[0].blocked());
}

TEST_F(BalanceStepsTest, WhatHasToBeMovedWaitsForNoApproval) {
  const BalanceSteps planned =
      Plan(std::string(kUneven) + "broker 2\norders-4 2 bytes=1G\ndrain 2\n", R"({"mode":"Approve"})");
  ASSERT_EQ(planned.steps.size(), 2U);
  EXPECT_EQ(std::get<ReassignPartitions>(*planned.steps[0].action).moves.size(), 1U);
  EXPECT_TRUE(planned.steps[1].blocked());
}

TEST_F(BalanceStepsTest, WhatBlocksIsTold) {
  EXPECT_EQ(Text("broker 0\nbroker 1\nbroker 2\ntopic a\na-0 0,1,2\ndrain 2\n"),
            "ReassignPartitions Cluster/quickstart: replicas are not where they are asked to be | blocked: 2 "
            "brokers are left, topic a asks for 3 replicas\n");
}

TEST_F(BalanceStepsTest, CopyingIsThrottledAndNoLongerAfterwards) {
  network_ = "100M";
  const BalanceSteps planned = Plan(kUneven, "{}", ThrottleConfig{});
  ASSERT_EQ(planned.steps.size(), 2U);
  std::string text;
  ThrottleConfig set;
  for (const auto& change : std::get<AlterConfigs>(*planned.steps[0].action).changes) {
    text += fmt::format("{} {}={}\n", change.name, change.key, change.value.value_or("unset"));
    set[{change.kind, change.name, change.key}] = *change.value;
  }
  // Half of what comes in goes to broker 1 by then: 4 of 100 MB/s, of the rest four fifths.
  EXPECT_EQ(text,
            "0 leader.replication.throttled.rate=80000000\n"
            "1 follower.replication.throttled.rate=76000000\n"
            "1 leader.replication.throttled.rate=80000000\n"
            "orders follower.replication.throttled.replicas=*\n"
            "orders leader.replication.throttled.replicas=*\n");
  EXPECT_TRUE(std::holds_alternative<ReassignPartitions>(*planned.steps[1].action));
  const BalanceSteps after = Plan("broker 0\ntopic orders\norders-0 0\n", "{}", set);
  ASSERT_EQ(after.steps.size(), 1U);
  for (const auto& change : std::get<AlterConfigs>(*after.steps[0].action).changes)
    EXPECT_FALSE(change.value);
  EXPECT_EQ(std::get<AlterConfigs>(*after.steps[0].action).changes.size(), set.size());
}

}  // namespace
}  // namespace dohle::reconcile
