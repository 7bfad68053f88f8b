#include "operator/reconcile/autoscaling/sliding_extremes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "lib/env/posix/test_seed.h"

namespace dohle::reconcile::autoscaling {
namespace {

constexpr int64_t kKeepMs = 100'000;
constexpr int64_t kGapMs = 20'000;

TEST(SlidingExtremes, SayNothingBeforeTheWindowIsFull) {
  SlidingExtremes extremes;
  EXPECT_FALSE(extremes.Greatest(0).has_value());
  extremes.Add(0, 3, kKeepMs, kGapMs);
  EXPECT_EQ(extremes.Greatest(0), 3);
  EXPECT_FALSE(extremes.Greatest(10'000).has_value());
  extremes.Add(10'000, 2, kKeepMs, kGapMs);
  EXPECT_EQ(extremes.Greatest(10'000), 3);
  EXPECT_EQ(extremes.Least(10'000), 2);
}

TEST(SlidingExtremes, AGapBeginsAnew) {
  SlidingExtremes extremes;
  extremes.Add(0, 3, kKeepMs, kGapMs);
  extremes.Add(kGapMs, 2, kKeepMs, kGapMs);
  EXPECT_FALSE(extremes.Greatest(kGapMs).has_value());
  EXPECT_EQ(extremes.Greatest(0), 2);
}

TEST(SlidingExtremes, AreThoseOfAllValues) {
  const uint64_t seed = env::TestSeed();
  SCOPED_TRACE(testing::Message() << "DOHLE_SEED=" << seed);
  std::mt19937_64 random(seed);
  SlidingExtremes extremes;
  std::vector<std::pair<int64_t, int32_t>> all;
  int64_t now = 0;
  for (int i = 0; i < 2000; ++i) {
    now += static_cast<int64_t>(random() % 9000);
    all.emplace_back(now, static_cast<int32_t>(random() % 20));
    extremes.Add(now, all.back().second, kKeepMs, kGapMs);
    const auto window = static_cast<int64_t>(random() % kKeepMs);
    if (now < window) continue;
    int32_t least = 1000, greatest = -1;
    for (const auto& [time, value] : all) {
      if (time < now - window) continue;
      least = std::min(least, value);
      greatest = std::max(greatest, value);
    }
    if (all.front().first > now - window) continue;
    ASSERT_EQ(extremes.Least(window), least);
    ASSERT_EQ(extremes.Greatest(window), greatest);
  }
}

}  // namespace
}  // namespace dohle::reconcile::autoscaling
