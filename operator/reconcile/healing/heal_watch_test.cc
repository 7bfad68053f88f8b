#include "operator/reconcile/healing/heal_watch.h"

#include <gtest/gtest.h>

namespace dohle::reconcile {
namespace {

class HealWatchTest : public ::testing::Test {
 protected:
  HealWatchTest() {
    topology_.brokers.push_back({.id = NodeId(0), .fenced = true});
    sight_.topology = &topology_;
    HealBroker& broker = sight_.brokers.emplace_back();
    broker.id = NodeId(0);
    broker.pod = "demo-broker-0";
    broker.pod_uid = "a";
    broker.running = broker.started = true;
    topology_.quorum.leader = NodeId(1);
  }
  HealBroker& broker() { return sight_.brokers.front(); }
  // For how long it has been silent, in seconds.
  int64_t After(int64_t seconds) {
    now_ms_ += seconds * 1000;
    watch_.Look(now_ms_, &sight_);
    plan_ = PlanHealing(sight_);
    watch_.Note(plan_);
    return broker().fenced_ms / 1000;
  }
  bool Restarts() { return !plan_.steps.empty() && !plan_.steps.front().blocked(); }
  void Restart(const std::string& uid) {
    broker().pod_uid = uid;
    broker().started = false;
    After(1);
    broker().started = true;
  }

  HealWatch watch_;
  HealSight sight_;
  Topology topology_;
  HealPlan plan_;
  int64_t now_ms_ = 0;
};

TEST_F(HealWatchTest, CountsAsLongAsItIsSilent) {
  EXPECT_EQ(After(1), 0);
  EXPECT_EQ(After(14), 14);
  EXPECT_FALSE(Restarts());
  EXPECT_EQ(After(1), 15);
  EXPECT_TRUE(Restarts());
  topology_.brokers.front().fenced = false;
  EXPECT_EQ(After(1), 0);
  EXPECT_FALSE(Restarts());
  topology_.brokers.front().fenced = true;
  EXPECT_EQ(After(1), 0);
}

TEST_F(HealWatchTest, AnotherProcessBeginsAnew) {
  After(1);
  EXPECT_EQ(After(10), 10);
  broker().restarts = 1;
  EXPECT_EQ(After(1), 0);
  EXPECT_EQ(After(10), 10);
  broker().pod_uid = "b";
  EXPECT_EQ(After(1), 0);
  broker().started = false;
  EXPECT_EQ(After(10), 0) << "it starts: nobody expects to hear it";
}

TEST_F(HealWatchTest, WhatNobodySawIsNotCounted) {
  After(1);
  EXPECT_EQ(After(10), 10);
  sight_.topology = nullptr;
  After(20);
  sight_.topology = &topology_;
  EXPECT_EQ(After(10), 40);
  sight_.topology = nullptr;
  After(20);
  After(30);
  sight_.topology = &topology_;
  EXPECT_EQ(After(1), 0);
}

TEST_F(HealWatchTest, EachRestartWaitsLonger) {
  After(1);
  After(15);
  ASSERT_TRUE(Restarts());
  Restart("b");
  EXPECT_EQ(broker().healed, 1);
  After(1);
  After(20);
  EXPECT_FALSE(Restarts()) << "60 s from the first to the second";
  After(40);
  EXPECT_TRUE(Restarts());
  Restart("c");
  EXPECT_EQ(broker().healed, 2);
  After(1);
  After(40);
  After(40);
  EXPECT_FALSE(Restarts());
  After(40);
  EXPECT_TRUE(Restarts());
  // Somebody else restarts it before it is done here.
  topology_.brokers.front().fenced = false;
  After(1);
  EXPECT_FALSE(Restarts());
  Restart("d");
  EXPECT_EQ(broker().healed, 2);
  now_ms_ += HealWatch::kForgetMs;
  After(1);
  EXPECT_EQ(broker().healed, 0);
}

}  // namespace
}  // namespace dohle::reconcile
