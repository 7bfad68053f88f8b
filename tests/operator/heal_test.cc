// Brokers that hang, Nodes that are lost, disks that fail, under an API server and a Kafka cluster that
// misbehave: what can be healed is, nothing that somebody may still need is taken away.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/operator/heal_world.h"

namespace dohle::tests {
namespace {

TEST_P(HealTest, ABrokerThatHangsIsRestartedOnce) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = UidOf(1);
  kafka_.End(1);
  world_.RunFor(absl::Seconds(10));
  EXPECT_EQ(UidOf(1), before) << "it may be back in a moment";
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Seconds(40)));
  EXPECT_NE(UidOf(1), before);
  EXPECT_EQ(events_.Count("RestartHungBroker"), 1);
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(starts_, 4);
  ExpectNoHarm();
}

TEST_P(HealTest, OneThatHangsAgainAndAgainIsRestartedLessAndLess) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  sick_ = {2};
  kafka_.End(2);
  world_.RunFor(absl::Minutes(1));
  EXPECT_EQ(WhyDegraded(), "BrokerHung");
  world_.RunFor(absl::Minutes(29));
  EXPECT_GE(events_.Count("RestartHungBroker"), 4);
  EXPECT_LE(events_.Count("RestartHungBroker"), 6);
  sick_ = {};
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(31)));
}

TEST_P(HealTest, OnlyReported) {
  ASSERT_NO_FATAL_FAILURE(Begin(3, {{"healing", {{"mode", "Report"}}}}));
  const std::string before = UidOf(1);
  kafka_.End(1);
  world_.RunFor(absl::Minutes(2));
  EXPECT_EQ(WhyDegraded(), "BrokerHung");
  const int64_t writes = faulty_->writes();
  world_.RunFor(absl::Minutes(8));
  EXPECT_LE(faulty_->writes(), writes + 10) << "the status isn't to be written each second";
  EXPECT_EQ(UidOf(1), before);
  const Json step = Cluster()["status"]["plan"][0];
  EXPECT_EQ(step["action"], "RestartHungBroker");
  EXPECT_EQ(step["blockedBy"], "spec.healing.mode is Report: set it to Auto, or do it yourself");
}

TEST_P(HealTest, TheQuorumIsNeverPutAtRisk) {
  ASSERT_NO_FATAL_FAILURE(Begin(5));
  // Two voters of three are needed, and one of them hangs besides a broker that doesn't vote.
  kafka_.End(1);
  kafka_.End(4);
  ASSERT_TRUE(Ready({0, 1, 2, 3, 4}, absl::Minutes(2)));
  EXPECT_EQ(events_.Count("RestartHungBroker"), 2);
  ExpectNoHarm();
}

TEST_P(HealTest, APodOnALostNodeWaitsForSomebodyWhoKnowsThatItIsOff) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = UidOf(1);
  LoseNode(1);
  world_.RunFor(absl::Minutes(5));
  EXPECT_EQ(UidOf(1), before);
  EXPECT_EQ(WhyDegraded(), "PodStuckTerminating");
  EXPECT_NE(Cluster()["status"].dump().find("node.kubernetes.io/out-of-service"), std::string::npos);
  // The operator finds it again after a restart.
  StartOperator();
  Do(Remove(k8s::kNodes, {"", NodeOf(1)}));
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(1)));
  EXPECT_NE(UidOf(1), before);
  EXPECT_EQ(events_.Count("ForceDeletePod"), 1);
  ExpectNoHarm();
}

TEST_P(HealTest, ABrokerThatIsStillHeardIsNotBuried) {
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = UidOf(1);
  dead_ = {1};  // its kubelet only
  Do(SetNode(1, false));
  Do(Remove(k8s::kPods, {"ns", PodOf(1)}));
  Do(Remove(k8s::kNodes, {"", NodeOf(1)}));
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(UidOf(1), before);
  EXPECT_EQ(WhyDegraded(), "PodStuckTerminating");
  kafka_.End(1);
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(1)));
}

TEST_P(HealTest, ADamagedDiskIsReplacedAndFilled) {
  ASSERT_NO_FATAL_FAILURE(Begin(3, {{"healing", {{"replaceAfterSeconds", 60}}}}));
  const std::string before = disks_[1];
  Damage(1);
  world_.RunFor(absl::Seconds(50));
  EXPECT_EQ(WhyDegraded(), "DataDamaged");
  EXPECT_EQ(disks_[1], before) << "it may come back";
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(2)));
  EXPECT_NE(disks_[1], before);
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  EXPECT_EQ(kafka_.ReplicasOf("t").size(), 27U);
  EXPECT_EQ(events_.Count("ReplaceClaim"), 1);
  ExpectNoHarm();
}

TEST_P(HealTest, TheLastCopyStays) {
  ASSERT_NO_FATAL_FAILURE(Begin(3, {{"healing", {{"replaceAfterSeconds", 10}}}}));
  kafka_.CreateTopic("alone", 3, 1);
  const std::string before = disks_[1];
  Damage(1);
  world_.RunFor(absl::Minutes(2));
  StartOperator();
  world_.RunFor(absl::Minutes(2));
  EXPECT_EQ(WhyDegraded(), "DataDamaged");
  EXPECT_NE(Cluster()["status"].dump().find("alone-1 has no other in-sync replica"), std::string::npos);
  EXPECT_EQ(disks_[1], before);
  Mend(1);
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(disks_[1], before);
  ExpectNoHarm();
}

TEST_P(HealTest, TwoDisksAreReplacedOneAfterTheOther) {
  ASSERT_NO_FATAL_FAILURE(Begin(5, {{"healing", {{"replaceAfterSeconds", 10}}}}));
  kafka_.CreateTopic("wide", 5, 3);
  Damage(0);
  Damage(3);
  ASSERT_TRUE(Ready({0, 1, 2, 3, 4}, absl::Minutes(5)));
  EXPECT_EQ(kafka_.voters().size(), 3U);
  ExpectNoHarm();
}

TEST_P(HealTest, ALocalVolumeOfALostNode) {
  local_volumes_ = true;
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = disks_[2];
  LoseNode(2);
  Do(Remove(k8s::kNodes, {"", NodeOf(2)}));
  world_.RunFor(absl::Minutes(4));
  EXPECT_EQ(WhyDegraded(), "NodeLost");
  EXPECT_EQ(disks_[2], before);
  ASSERT_TRUE(Ready({0, 1, 2}, absl::Minutes(5)));
  EXPECT_NE(disks_[2], before);
  EXPECT_EQ(kafka_.voters(), (Ids{0, 1, 2}));
  ExpectNoHarm();
}

TEST_P(HealTest, ANodeThatIsThereKeepsItsVolumes) {
  local_volumes_ = true;
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  const std::string before = disks_[2];
  dead_ = {2};
  kafka_.End(2);
  Do(SetNode(2, false));
  k8s::DeleteOptions force;
  force.grace_period_s = 0;
  Do([](k8s::Client* store, k8s::DeleteOptions options) -> env::Task<void> {
    const ObjectName pod{"ns", PodOf(2)};
    static_cast<void>(co_await store->Delete(k8s::kPods, pod, options));
  }(store_.get(), force));
  world_.RunFor(absl::Minutes(7));
  EXPECT_EQ(WhyDegraded(), "Unschedulable");
  EXPECT_EQ(disks_[2], before);
  dead_ = {};
  ASSERT_TRUE(Ready({0, 1, 2}));
  EXPECT_EQ(disks_[2], before);
  ExpectNoHarm();
}

TEST_P(HealTest, ThroughFaultsAndRestarts) {
  ASSERT_NO_FATAL_FAILURE(Begin(5, {{"healing", {{"replaceAfterSeconds", 30}}}}));
  Faults();
  for (int round = 0; round < 6; ++round) {
    const auto id = static_cast<int32_t>(node_.env().random.Below(5));
    if (round % 2 == 1) {
      Damage(id);
    } else if (round == 2) {
      LoseNode(id);
      Do(Remove(k8s::kNodes, {"", NodeOf(id)}));
    } else {
      kafka_.End(id);
    }
    world_.RunFor(absl::Milliseconds(static_cast<int64_t>(node_.env().random.Below(60'000))));
    if (node_.env().random.Below(2) == 0) StartOperator();
    world_.RunFor(absl::Minutes(3));
  }
  faulty_->Set({});
  kafka_.SetFaults(0, 0);
  ASSERT_TRUE(Ready({0, 1, 2, 3, 4}, absl::Minutes(10)));
  ExpectNoHarm();
}

INSTANTIATE_TEST_SUITE_P(Seeds, HealTest, testing::Range<uint64_t>(1, 2));

}  // namespace
}  // namespace dohle::tests
