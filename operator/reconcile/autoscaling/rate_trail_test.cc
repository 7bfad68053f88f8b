#include "operator/reconcile/autoscaling/rate_trail.h"

#include <gtest/gtest.h>

#include <cmath>

namespace dohle::reconcile::autoscaling {
namespace {

TEST(RateTrail, MeansWeighTime) {
  RateTrail trail(60'000);
  trail.Add(0, 1000, 10);
  trail.Add(1000, 4000, 30);
  EXPECT_DOUBLE_EQ(trail.Mean(0, 4000).value(), 25);
  EXPECT_DOUBLE_EQ(trail.Mean(500, 1500).value(), 20);
}

TEST(RateTrail, WhatIsUnknownMakesNoMean) {
  RateTrail trail(60'000);
  trail.Add(0, 1000, 10);
  trail.Add(2000, 3000, 10);
  EXPECT_FALSE(trail.Mean(0, 3000).has_value());
  EXPECT_TRUE(trail.Mean(2000, 3000).has_value());
  EXPECT_FALSE(trail.Mean(-5000, 1000).has_value());
  EXPECT_FALSE(trail.LastThirds(3000).has_value());
}

TEST(RateTrail, TakesNoNonsense) {
  RateTrail trail(60'000);
  trail.Add(0, 1000, -1);
  trail.Add(0, 1000, std::nan(""));
  trail.Add(1000, 1000, 5);
  EXPECT_TRUE(trail.empty());
  trail.Add(0, 1000, 5);
  trail.Add(500, 2000, 7);  // the first half is known already
  EXPECT_DOUBLE_EQ(trail.Mean(0, 2000).value(), 6);
}

TEST(RateTrail, OneOddThirdDoesntMoveTheMedian) {
  RateTrail trail(60'000);
  for (int i = 0; i < 3; ++i) trail.Add(1000 * i, 1000 * (i + 1), i == 1 ? 1000 : 10);
  const auto thirds = trail.LastThirds(3000);
  ASSERT_TRUE(thirds.has_value());
  EXPECT_DOUBLE_EQ(thirds->median, 10);
  EXPECT_DOUBLE_EQ(thirds->least, 10);
}

TEST(RateTrail, IsBounded) {
  RateTrail trail(1000, 4);
  for (int i = 0; i < 100; ++i) trail.Add(100 * i, 100 * (i + 1), 1);
  EXPECT_FALSE(trail.Mean(9000, 10'000).has_value());
  EXPECT_TRUE(trail.Mean(9600, 10'000).has_value());
}

}  // namespace
}  // namespace dohle::reconcile::autoscaling
