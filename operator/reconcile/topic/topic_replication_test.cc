#include "operator/reconcile/topic/topic_replication.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "operator/reconcile/balancing/test_topology.h"

namespace dohle::reconcile {
namespace {

std::string Plan(const std::string& scene, const StringMap<int32_t>& wanted) {
  const ReplicationStep step = PlanReplication(TopologyText(scene).topology, wanted);
  std::string text;
  for (const auto& move : step.moves) {
    text += fmt::format("{}-{} ->", move.topic, move.partition);
    for (const NodeId id : move.replicas) text += fmt::format(" {}", id.value());
    text += '\n';
  }
  return text + step.refusal;
}

constexpr char kThree[] =
    "broker 0 rack=a\nbroker 1 rack=a\nbroker 2 rack=b\ntopic t\nt-0 0 bytes=1G\nt-1 2 bytes=1G\n"
    "topic other\nother-0..3 over=0 bytes=1G\n";

TEST(TopicReplicationTest, GrowsIntoOtherRacksAndLeavesOtherTopicsAlone) {
  EXPECT_EQ(Plan(kThree, {{"t", 2}}), "t-0 -> 0 2\nt-1 -> 2 1\n");
  EXPECT_EQ(Plan(kThree, {{"t", 1}}), "");
}

TEST(TopicReplicationTest, WhatCantBeHadIsSaid) {
  EXPECT_EQ(Plan(kThree, {{"t", 4}}), "there are 3 brokers, topic t asks for 4 replicas");
  EXPECT_EQ(Plan("broker 0\nbroker 1 fenced\ntopic t\nt-0 0\n", {{"t", 2}}),
            "t-0 has no place for a replica (replication factor): no broker that serves has room for it");
  EXPECT_EQ(Plan("broker 0\nbroker 1\ntopic t\nt-0 0,1 leader=none isr=1\n", {{"t", 1}}),
            "t-0 has no leader: replicas are added and dropped when there is one");
}

TEST(TopicReplicationTest, WhatIsUnderWayIsTakenFurtherOrBack) {
  constexpr char kMoving[] =
      "broker 0\nbroker 1\nbroker 2\ntopic t\nt-0 0,1 adding=1 isr=0\nt-1 1,2 isr=1,2\nt-2 2\n";
  EXPECT_EQ(Plan(kMoving, {{"t", 2}}), "t-2 -> 2 0\n");
  const StringMap<ReplicationSight> seen = SeeReplication(TopologyText(kMoving).topology);
  const ReplicationSight& t = seen.at("t");
  EXPECT_EQ(t.brokers, 3);
  EXPECT_EQ(t.fewest, 1);
  EXPECT_EQ(t.most, 2);
  EXPECT_EQ(t.Having(2), 1);
  // A replica that moves from one broker to another is none too many.
  const ReplicationSight moved =
      SeeReplication(
          TopologyText("broker 0\nbroker 1\nbroker 2\ntopic t\nt-0 0,2,1 adding=2 removing=1\n").topology)
          .at("t");
  EXPECT_EQ(moved.fewest, 2);
  EXPECT_EQ(JudgeReplication("t", 2, moved, false).reason, "");
  // Nobody wants it any more: what is under way is called off.
  EXPECT_EQ(Plan("broker 0\nbroker 1\ntopic t\nt-0 0,1 adding=1 isr=0\n", {{"t", 1}}), "t-0 ->\n");
}

TEST(TopicReplicationTest, ShrinksToTheLeaderAndThoseInSync) {
  EXPECT_EQ(
      Plan("broker 0\nbroker 1\nbroker 2\ntopic t\nt-0 0,1,2 isr=1,2 leader=2\nt-1 0,1,2\n", {{"t", 1}}),
      "t-0 -> 2\nt-1 -> 0\n");
}

}  // namespace
}  // namespace dohle::reconcile
