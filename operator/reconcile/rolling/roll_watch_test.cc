#include "operator/reconcile/rolling/roll_watch.h"

#include <gtest/gtest.h>

namespace dohle::reconcile {
namespace {

class RollWatchTest : public ::testing::Test {
 protected:
  RollWatchTest() { sight_.under_way = sight_.all_ready = true; }
  std::string After(int64_t seconds) {
    sight_.now_ms += seconds * 1000;
    return watch_.Look(sight_);
  }
  RollWatch watch_;
  RollSight sight_;
};

TEST_F(RollWatchTest, PartitionsWithoutLeader) {
  sight_.leaderless = 2;
  EXPECT_EQ(After(0), "");
  EXPECT_EQ(After(29), "");
  EXPECT_EQ(After(1), "2 partitions have had no leader for 30 s");
  sight_.leaderless = 0;
  EXPECT_EQ(After(1), "") << "it goes on by itself";
  sight_.leaderless = 1;
  EXPECT_EQ(After(40), "");
}

TEST_F(RollWatchTest, ReplicasThatDontCatchUp) {
  sight_.behind = 10;
  EXPECT_EQ(After(0), "");
  EXPECT_EQ(After(100), "");
  sight_.behind = 9;
  EXPECT_EQ(After(100), "") << "one more has caught up";
  EXPECT_EQ(After(119), "");
  EXPECT_EQ(After(1), "9 partitions lack replicas in sync, and none has caught up for 120 s");
  sight_.behind = 8;
  EXPECT_EQ(After(1), "");
}

TEST_F(RollWatchTest, WhileABrokerIsAwayNothingIsExpected) {
  sight_.all_ready = false;
  sight_.leaderless = sight_.behind = 5;
  EXPECT_EQ(After(0), "");
  EXPECT_EQ(After(1000), "");
  sight_.all_ready = true;
  EXPECT_EQ(After(29), "");
}

TEST_F(RollWatchTest, TheCanary) {
  sight_.canary_trouble = "NOT_ENOUGH_REPLICAS";
  sight_.canary_failing_ms = 9'000;
  EXPECT_EQ(After(1), "");
  sight_.canary_failing_ms = 12'000;
  EXPECT_EQ(After(1), "the canary has failed for 12 s: NOT_ENOUGH_REPLICAS");
}

TEST_F(RollWatchTest, ANewRollBeginsAnew) {
  sight_.leaderless = 2;
  EXPECT_EQ(After(0), "");
  sight_.under_way = false;
  EXPECT_EQ(After(60), "");
  sight_.under_way = true;
  EXPECT_EQ(After(1), "");
}

}  // namespace
}  // namespace dohle::reconcile
