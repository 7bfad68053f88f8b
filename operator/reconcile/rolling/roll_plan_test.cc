#include "operator/reconcile/rolling/roll_plan.h"

#include <gtest/gtest.h>

#include "operator/reconcile/rolling/test_topology.h"

namespace dohle::reconcile {
namespace {

constexpr int64_t kNowMs = 1'000'000;

class RollPlanTest : public ::testing::Test {
 protected:
  RollPlanTest() : topology_(TestTopology(6, 3)), brokers_(TestBrokers(6)) {
    AddTopic(topology_, "t", 2, {{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {4, 5, 0}, {5, 0, 1}});
    limits_.max_unavailable = 2;
  }
  std::string Plan(const std::string& hold = "") const {
    return ToText(PlanRoll(brokers_, &topology_, limits_, kNowMs, hold));
  }
  RollBroker& broker(size_t id) { return brokers_[id]; }
  void Restarted(std::initializer_list<size_t> ids) {
    for (const size_t id : ids) brokers_[id].restart = false;
  }

  Topology topology_;
  std::vector<RollBroker> brokers_;
  RollLimits limits_;
};

TEST_F(RollPlanTest, WaveAfterWaveTheControllerLast) {
  EXPECT_EQ(Plan(),
            "restart 0 3: as many at once as may be\n"
            "others: its wave comes after that of 0, 3; 2 more in all\n");
  Restarted({0, 3});
  EXPECT_EQ(Plan(),
            "restart 1 4: as many at once as may be\n"
            "others: its wave comes after that of 1, 4; 1 more in all\n");
  Restarted({1, 4});
  EXPECT_EQ(Plan(),
            "restart 5 2: as many at once as may be, the active controller last\n"
            "others: its wave comes after that of 5, 2; 0 more in all\n");
  Restarted({5});
  EXPECT_EQ(Plan(),
            "restart 2: the active controller is the last\n"
            "others: its wave comes after that of 2; 0 more in all\n");
  Restarted({2});
  EXPECT_EQ(Plan(), "");
}

// Three racks, three waves, though the active controller has to be in the last.
TEST(RollOfRacksTest, TheControllerGoesWithItsRack) {
  Topology topology = TestTopology(9, 5, 3);
  topology.quorum.leader = NodeId(0);
  std::vector<std::vector<int>> all;
  for (int a = 0; a < 9; a += 3) {
    for (int b = 1; b < 9; b += 3) {
      for (int c = 2; c < 9; c += 3) all.push_back({a, b, c});
    }
  }
  AddTopic(topology, "t", 2, all);
  std::vector<RollBroker> brokers = TestBrokers(9);
  RollLimits limits;
  limits.max_unavailable = 3;
  const auto next = [&] {
    const RollPlan plan = PlanRoll(brokers, &topology, limits, kNowMs);
    for (const NodeId id : plan.wave) brokers[static_cast<size_t>(id.value())].restart = false;
    return ToText(plan);
  };
  EXPECT_EQ(next(),
            "restart 1 4 7: as many at once as may be of rack b\n"
            "others: its wave comes after that of 1, 4, 7; 2 more in all\n");
  EXPECT_EQ(next(),
            "restart 2 5 8: as many at once as may be of rack c\n"
            "others: its wave comes after that of 2, 5, 8; 1 more in all\n");
  EXPECT_EQ(next(),
            "restart 3 6 0: as many at once as may be of rack a, the active controller last\n"
            "others: its wave comes after that of 3, 6, 0; 0 more in all\n");
  EXPECT_EQ(next(), "");
}

TEST_F(RollPlanTest, WaitsUntilTheLastWaveIsBack) {
  Restarted({0});
  topology_.partitions[0].in_sync = Ids({1, 2});
  EXPECT_EQ(Plan(), "others: 1 partitions have replicas that aren't in sync, such as t-0\n");
  topology_.partitions[4].leader = kNoNode;
  EXPECT_EQ(Plan(), "others: 1 partitions have no leader, such as t-4\n");
  topology_.brokers[0].fenced = true;
  EXPECT_EQ(Plan(), "others: broker 0 isn't registered or is fenced\n");
  broker(0).ready = false;
  EXPECT_EQ(Plan(), "others: broker 0 isn't ready\n");
  broker(0).changing = true;
  EXPECT_EQ(Plan(), "others: the Pod of broker 0 is changing\n");
  broker(0).deleting = true;
  EXPECT_EQ(Plan(), "others: broker 0 is being restarted\n");
}

TEST_F(RollPlanTest, AReplicaThatIsAddedIsNoReasonToWait) {
  topology_.partitions[0].replicas = Ids({0, 1, 2, 4});
  topology_.partitions[0].adding = Ids({4});
  EXPECT_NE(Plan().find("restart 0 3"), std::string::npos) << Plan();
}

TEST_F(RollPlanTest, LeadersAreBroughtBackFirst) {
  Restarted({0, 3});
  topology_.partitions[0].leader = NodeId(1);
  EXPECT_EQ(Plan(),
            "elect t-0\n"
            "others: 1 leaders are brought back first\n");
  // After the last wave, too, but not those that somebody moved long ago.
  Restarted({1, 2, 4, 5});
  EXPECT_EQ(Plan(), "");
  broker(0).since_ms = kNowMs - 5'000;
  EXPECT_EQ(Plan(), "elect t-0\n");
}

TEST_F(RollPlanTest, WhoServesNobodyComesFirst) {
  broker(1).ready = broker(4).ready = false;
  topology_.brokers[1].fenced = topology_.brokers[4].fenced = true;
  for (PartitionPlace& partition : topology_.partitions) {
    for (const int id : {1, 4}) {
      auto& isr = partition.in_sync;
      isr.erase(std::remove(isr.begin(), isr.end(), NodeId(id)), isr.end());
    }
  }
  topology_.quorum.voters[1].ms_since_caught_up = 20'000;
  EXPECT_EQ(Plan(),
            "restart 1 4 (no permit): nobody is served by it\n"
            "others: broker 1 isn't ready\n");
}

TEST_F(RollPlanTest, WhoIsNotReadyButServesIsGivenAMoment) {
  broker(4).ready = false;
  broker(4).since_ms = kNowMs - 5'000;
  EXPECT_EQ(Plan(), "others: broker 4 isn't ready\n");
  broker(4).since_ms = kNowMs - 40'000;
  EXPECT_EQ(Plan(),
            "restart 4: its Pod isn't ready, which the new configuration may mend\n"
            "others: broker 4 isn't ready\n");
}

TEST_F(RollPlanTest, WithoutAnyBrokerThatAnswers) {
  EXPECT_EQ(ToText(PlanRoll(brokers_, nullptr, limits_, kNowMs)),
            "others: no broker tells whether its partitions are in sync\n");
  broker(2).ready = broker(3).ready = false;
  EXPECT_EQ(ToText(PlanRoll(brokers_, nullptr, limits_, kNowMs)),
            "restart 2 (no permit): its Pod isn't ready\n"
            "others: broker 2 isn't ready\n");
  for (RollBroker& broker : brokers_) broker.ready = false;
  EXPECT_EQ(ToText(PlanRoll(brokers_, nullptr, limits_, kNowMs)),
            "restart 0 1 2 3 4 5 (no permit): its Pod isn't ready\n"
            "others: broker 0 isn't ready\n");
}

TEST_F(RollPlanTest, ABrokerAloneGoesWhenever) {
  brokers_.resize(1);
  EXPECT_EQ(ToText(PlanRoll(brokers_, nullptr, limits_, kNowMs)),
            "restart 0 (no permit): it is the only broker\n");
}

TEST_F(RollPlanTest, Halts) {
  EXPECT_EQ(Plan("the canary fails"), "others: the canary fails\nhalted: the canary fails\n");
  broker(5).ready = broker(5).restart = false;
  broker(5).since_ms = kNowMs - limits_.ready_patience_ms - 1'000;
  EXPECT_EQ(Plan(), "others: broker 5 isn't ready\nhalted: broker 5 isn't ready since 601 s\n");
  broker(5).trouble = "the broker in Pod x crashes";
  EXPECT_EQ(Plan(), "others: broker 5 isn't ready\nhalted: the broker in Pod x crashes\n");
}

TEST(MaxUnavailableTest, PercentageOrNumber) {
  EXPECT_EQ(MaxUnavailable("33%", 9), 3);
  EXPECT_EQ(MaxUnavailable("33%", 3), 1);
  EXPECT_EQ(MaxUnavailable("", 100), 33);
  EXPECT_EQ(MaxUnavailable("2", 9), 2);
  EXPECT_EQ(MaxUnavailable("0", 9), 1);
  EXPECT_EQ(MaxUnavailable("20", 9), 9);
  EXPECT_EQ(MaxUnavailable("-3", 9), 3);
}

}  // namespace
}  // namespace dohle::reconcile
