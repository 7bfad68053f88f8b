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
                    const ThrottleSight& throttle = {}) {
    api::BalanceStatus status = cluster_.status.balance;
    const api::StringPairs annotations = cluster_.meta.annotations;
    cluster_ = TestCluster(R"({"balance":)" + balance + "}");
    EXPECT_TRUE(cluster_.faults.empty());
    cluster_.meta.annotations = annotations;
    cluster_.status.balance = status;
    TopologyText text(scene);
    text.topology.throttled_topics = throttled_topics_;
    BalanceSteps planned = PlanBalance(cluster_, text.topology, text.goals, throttle);
    cluster_.status.balance = planned.status;
    return planned;
  }
  std::string Text(const std::string& scene, const std::string& balance = "{}") {
    return ToText(Plan(scene, balance).steps);
  }
  ClusterResource cluster_ = TestCluster();
  using Topics = std::map<std::string, std::string>;
  std::optional<Topics> throttled_topics_;
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
  EXPECT_EQ(Text(std::string(kUneven) + "broker 2\norders-4 2 bytes=1G\ndrain 2\n", kOff),
            "MoveReplicas Broker/2: 1 of 1 replicas move to the brokers that stay\n");
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
  const BalanceSteps drain = Plan("broker 0\nbroker 1\nbroker 2\ntopic a\na-0 0,1,2\ndrain 2\n");
  EXPECT_EQ(
      ToText(drain.steps),
      "MoveReplicas Broker/2: 1 replicas are still there | blocked: 2 brokers are left, topic a asks for "
      "3 replicas\n");
  EXPECT_FALSE(drain.steps[0].background || drain.steps[0].awaited) << "somebody has to do something";
  const BalanceSteps racks = Plan("broker 0 rack=a\nbroker 1 rack=b fenced\ntopic a\na-0 0,2\n");
  ASSERT_FALSE(racks.steps.empty());
  for (const PlannedStep& step : racks.steps) EXPECT_TRUE(step.background);
}

TEST_F(BalanceStepsTest, ABrokerIsEmptiedWhateverElseIsAskedOfReplicas) {
  constexpr char kDrain[] = "broker 0\nbroker 1\nbroker 2\ntopic a\na-0 2,0 bytes=1G\na-1 0,1\ndrain 2\n";
  for (const char* balance : {"{}", R"({"mode":"Off"})", R"({"mode":"Approve"})"}) {
    const BalanceSteps planned = Plan(kDrain, balance);
    EXPECT_EQ(ToText(planned.steps),
              "MoveReplicas Broker/2: 1 of 1 replicas move to the brokers that stay\n");
    EXPECT_FALSE(planned.steps[0].background);
  }
  EXPECT_EQ(Text("broker 0\nbroker 1\nbroker 2\ntopic a\na-0 1,2,0 adding=1 removing=2 isr=2,0 leader=2\n"
                 "drain 2\n"),
            "MoveReplicas Broker/2: 1 replicas are still there | blocked: they are on their way\n");
  // The disk takes it, though not within the limits; then it doesn't.
  const auto full = [](int free) {
    return fmt::format(
        "broker 0 disk=100G free={}G\nbroker 1 disk=100G free=90G\ntopic a\na-0 0 bytes=60G\na-1 1 "
        "bytes=5G\ndrain 1\n",
        free);
  };
  EXPECT_EQ(Text(full(7)),
            "MoveReplicas Broker/1: 1 of 1 replicas move to the brokers that stay\n"
            "ReassignPartitions Cluster/quickstart: replicas are not where they are asked to be | blocked: "
            "broker 0 has more than 85 % of its disk in use and no other has room\n");
  const std::vector<PlannedStep> steps = Plan(full(5)).steps;
  EXPECT_EQ(ToText(std::vector<PlannedStep>{steps.at(0)}),
            "MoveReplicas Broker/1: 1 replicas are still there | blocked: a-1 has no place for a replica "
            "(emptied broker): no broker that serves has room for it\n");
}

TEST_F(BalanceStepsTest, OnOneFullDiskBrokersAreEmptiedAsFarAsItTakesTheCopies) {
  const auto scene = [](int free) {
    return fmt::format(
        "broker 0 disk=100G free={0}G\nbroker 1 disk=100G free={0}G\ntopic a\na-0 0 bytes=1G\na-1 1 "
        "bytes=1G\ndrain 1\n",
        free);
  };
  EXPECT_EQ(Text(scene(3)), "MoveReplicas Broker/1: 1 of 1 replicas move to the brokers that stay\n");
  const BalanceSteps full = Plan(scene(1));
  EXPECT_EQ(
      ToText(full.steps),
      "MoveReplicas Broker/1: 1 replicas are still there | blocked: the disk of broker 0 has no room for "
      "a-1 (1.0 GiB) yet\n");
  EXPECT_FALSE(full.steps[0].awaited);
}

std::string ConfigsText(const BalanceSteps& planned) {
  std::string text = fmt::format("brokers {}\n", planned.throttle);
  for (const PlannedStep& step : planned.steps) {
    const auto* configs = step.action == nullptr ? nullptr : std::get_if<AlterConfigs>(step.action.get());
    if (configs == nullptr) text += step.blocked() ? "wait: " + step.shown.blocked_by + "\n" : "move\n";
    if (configs == nullptr) continue;
    for (const auto& change : configs->changes)
      text += fmt::format("{} {}={}\n", change.name, change.key, change.value.value_or("unset"));
  }
  return text;
}

constexpr char kMoving[] =
    "broker 0\nbroker 1\ntopic orders\norders-0 1,0 adding=1 removing=0 isr=0 leader=0 bytes=1G\n"
    "orders-1 0 bytes=1G\n";
constexpr char kThrottled[] = R"({"throttle":"50M"})";

TEST_F(BalanceStepsTest, TheThrottleComesFirstAndGoesLast) {
  EXPECT_EQ(ConfigsText(Plan(kUneven, kThrottled)), "brokers 50000000\nwait: the throttle is being set\n");
  const ThrottleSight set = {.ours = 50'000'000};
  EXPECT_EQ(ConfigsText(Plan(kUneven, kThrottled, set)),
            "brokers 50000000\nwait: the throttle is being set\n")
      << "what topics have isn't known yet";
  throttled_topics_.emplace();
  const std::string begun = ConfigsText(Plan(kUneven, kThrottled, set));
  EXPECT_EQ(begun,
            "brokers 50000000\norders leader.replication.throttled.replicas=*\n"
            "orders follower.replication.throttled.replicas=*\nmove\n");
  throttled_topics_ = Topics{{"orders", "*"}, {"late", "*"}, {"theirs", "0:1"}};
  EXPECT_EQ(ConfigsText(Plan(kMoving, kThrottled, set)),
            "brokers 50000000\nlate leader.replication.throttled.replicas=unset\n"
            "late follower.replication.throttled.replicas=unset\n"
            "wait: 1 partitions are being copied, 1.0 GiB in all\n");
  constexpr char kDone[] = "broker 0\nbroker 1\ntopic orders\norders-0 1\norders-1 0\n";
  throttled_topics_ = Topics{{"orders", "*"}, {"theirs", "0:1"}};
  EXPECT_EQ(ConfigsText(Plan(kDone, kThrottled, set)),
            "brokers 50000000\norders leader.replication.throttled.replicas=unset\n"
            "orders follower.replication.throttled.replicas=unset\n");
  throttled_topics_->erase("orders");
  EXPECT_EQ(ConfigsText(Plan(kDone, kThrottled, set)), "brokers 0\n");
}

TEST_F(BalanceStepsTest, WhatOthersMoveIsThrottledToo) {
  EXPECT_EQ(Plan(kMoving, kThrottled).throttle, 50'000'000);
  EXPECT_EQ(Plan(kMoving).throttle, 0) << "nobody asked for a throttle";
  EXPECT_EQ(Plan(kMoving, R"({"throttle":"Auto"})").throttle, 100'000'000) << "four fifths of 125M";
}

TEST_F(BalanceStepsTest, AThrottleOfOthersIsLeftAlone) {
  throttled_topics_ = Topics{{"orders", "*"}};
  EXPECT_EQ(ConfigsText(Plan(kUneven, kThrottled, {.others = true})), "brokers 0\nmove\n");
}

TEST_F(BalanceStepsTest, AThrottleThatIsntWantedAnyMoreGoesThoughReplicasMove) {
  throttled_topics_ = Topics{{"orders", "*"}};
  EXPECT_EQ(ConfigsText(Plan(kMoving, "{}", {.ours = 7})),
            "brokers 7\norders leader.replication.throttled.replicas=unset\n"
            "orders follower.replication.throttled.replicas=unset\n"
            "wait: 1 partitions are being copied, 1.0 GiB in all\n");
}

}  // namespace
}  // namespace dohle::reconcile
