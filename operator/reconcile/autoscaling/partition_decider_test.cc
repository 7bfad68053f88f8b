#include "operator/reconcile/autoscaling/partition_decider.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "lib/env/posix/test_seed.h"
#include "operator/reconcile/autoscaling/test_loads.h"

namespace dohle::reconcile::autoscaling {
namespace {

using testing::HasSubstr;

constexpr double kTarget = 1 << 20;
constexpr int64_t kSecondMs = 1000, kMinuteMs = 60'000, kHourMs = 3'600'000, kDayMs = 24 * kHourMs;

// A topic under a load, in multiples of what one partition is meant for.
class Simulation {
 public:
  explicit Simulation(int32_t partitions, int32_t most = 64) : partitions_(partitions) {
    limits_.most = most;
    limits_.bytes_per_second = kTarget;
    limits_.key_order = api::KeyOrder::kRelaxed;
  }

  struct Growth {
    int64_t time_ms;
    int32_t to;
    std::string note;
  };

  void Run(int64_t until_ms, const LoadShape& load, double noise = 0) {
    Noise factors(seed_, noise);
    for (; now_ms_ < until_ms; now_ms_ += period_ms_) {
      double seen = load(now_ms_) * kTarget;
      if (noise > 0) seen *= factors.Next();
      std::optional<double> rate = seen;
      if (gap_ && gap_(now_ms_)) rate.reset();
      Look(rate);
    }
  }
  void Look(std::optional<double> rate) {
    PartitionObservation seen;
    seen.time_ms = now_ms_;
    seen.partitions = partitions_;
    seen.bytes_in_per_second = rate;
    seen.has_records = true;
    seen.room = room_;
    const PartitionDecision decision = DecidePartitions(limits_, seen, state_);
    if (decision.grow) {
      ASSERT_GT(decision.wanted, partitions_);
      ASSERT_LE(decision.wanted, limits_.most);
      partitions_ = decision.wanted;
      growths_.push_back({now_ms_, partitions_, decision.note});
    } else {
      if (told_.empty() || told_.back() != decision.reason) told_.push_back(decision.reason);
    }
  }

  PartitionLimits limits_;
  PartitionState state_;
  int32_t partitions_;
  int32_t room_ = INT32_MAX;
  int64_t now_ms_ = 0;
  int64_t period_ms_ = kSecondMs;
  uint64_t seed_ = 1;
  std::function<bool(int64_t)> gap_;
  std::vector<Growth> growths_;
  std::vector<std::string> told_;  // reasons of not growing, as they follow each other
};

TEST(PartitionDecider, ABurstOfFourTimesTheLoadGetsFourTimesThePartitionsInSeconds) {
  Simulation topic(4);
  topic.Run(kHourMs, Step(3.6, 16, kMinuteMs));
  ASSERT_EQ(topic.growths_.size(), 1U);
  EXPECT_EQ(topic.partitions_, 16);
  EXPECT_LE(topic.growths_[0].time_ms - kMinuteMs, 4 * kSecondMs);
  EXPECT_THAT(topic.growths_[0].note,
              HasSubstr("16.0 MiB/s for 3 s now, 4.0 MiB/s for each of 4 partitions"));
}

TEST(PartitionDecider, ASlowSensorTakesThreeLooks) {
  Simulation topic(4);
  topic.period_ms_ = 5 * kSecondMs;
  topic.Run(kHourMs, Step(3.6, 16, kMinuteMs));
  ASSERT_EQ(topic.growths_.size(), 1U);
  EXPECT_LE(topic.growths_[0].time_ms - kMinuteMs, 15 * kSecondMs);
}

TEST(PartitionDecider, ALittleTooMuchTakesAMinute) {
  Simulation topic(4);
  topic.Run(kHourMs, Step(3.6, 4.8, kMinuteMs));
  ASSERT_EQ(topic.growths_.size(), 1U);
  EXPECT_EQ(topic.partitions_, 6);
  EXPECT_GE(topic.growths_[0].time_ms - kMinuteMs, 50 * kSecondMs);
  EXPECT_LE(topic.growths_[0].time_ms - kMinuteMs, 70 * kSecondMs);
}

TEST(PartitionDecider, ASpikeIsNoReason) {
  Simulation topic(4);
  // One second in ten is seven times as busy.
  topic.Run(kHourMs, Bursts(2, 14, 10 * kSecondMs, kSecondMs));
  EXPECT_TRUE(topic.growths_.empty());
}

TEST(PartitionDecider, ARampGrowsInStepsOfHalfAtLeast) {
  Simulation topic(2);
  topic.Run(3 * kHourMs, Ramp(1, 60, 0, 2 * kHourMs));
  EXPECT_GE(topic.partitions_, 54);  // within a tenth
  EXPECT_LE(topic.growths_.size(), 1 + std::ceil(std::log(60.0) / std::log(1.5)));
}

TEST(PartitionDecider, NeverGrowsBeyondTheMost) {
  Simulation topic(4, 10);
  topic.Run(kHourMs, Steady(100));
  EXPECT_EQ(topic.partitions_, 10);
  EXPECT_EQ(topic.told_.back(), partition_reason::kMost);
  EXPECT_LE(topic.told_.size(), 4U);
}

TEST(PartitionDecider, TheClusterMustHaveRoom) {
  Simulation topic(4);
  topic.room_ = 6;
  topic.Run(kHourMs, Steady(100));
  EXPECT_EQ(topic.partitions_, 6);
  EXPECT_EQ(topic.told_.back(), partition_reason::kRoom);
}

TEST(PartitionDecider, StrictOrderOfKeysForbidsGrowthOnceThereAreRecords) {
  Simulation topic(4);
  topic.limits_.key_order = api::KeyOrder::kStrict;
  topic.Run(kHourMs, Steady(100));
  EXPECT_EQ(topic.partitions_, 4);
  EXPECT_EQ(topic.told_.back(), partition_reason::kKeyOrder);
  EXPECT_EQ(topic.state_.held.wanted, 100);
}

TEST(PartitionDecider, WhatHoldsItUpDoesntFlickerUnderNoise) {
  Simulation topic(4, 4);
  topic.seed_ = env::TestSeed();
  SCOPED_TRACE(testing::Message() << "DOHLE_SEED=" << topic.seed_);
  // Right at the edge: the load calls for more now and then.
  topic.Run(6 * kHourMs, Steady(4.5), 0.3);
  EXPECT_LE(topic.told_.size(), 100U);
}

TEST(PartitionDecider, SensorGapsAreNoLoad) {
  Simulation topic(4);
  topic.gap_ = [](int64_t time_ms) { return time_ms % (2 * kSecondMs) == 0; };
  topic.Run(kHourMs, Steady(100));
  EXPECT_TRUE(topic.growths_.empty()) << "half of the time is unknown";
}

TEST(PartitionDecider, AnOperatorThatStartsAgainGrowsNothingTwice) {
  Simulation topic(4);
  topic.Run(2 * kMinuteMs, Step(3.6, 16, kMinuteMs));
  topic.state_ = PartitionState();
  topic.Run(kHourMs, Step(3.6, 16, kMinuteMs));
  EXPECT_EQ(topic.growths_.size(), 1U);
  EXPECT_EQ(topic.partitions_, 16);
}

TEST(PartitionDecider, ARestartJustAfterTheBurstBeganCostsSecondsOnly) {
  Simulation topic(4);
  topic.Run(kMinuteMs + 2 * kSecondMs, Step(3.6, 16, kMinuteMs));
  topic.state_ = PartitionState();
  topic.Run(kHourMs, Step(3.6, 16, kMinuteMs));
  ASSERT_EQ(topic.growths_.size(), 1U);
  EXPECT_LE(topic.growths_[0].time_ms - kMinuteMs, 7 * kSecondMs);
}

// Weeks of load under all kinds of noise: what is decided stays few, and fits the load.
TEST(PartitionDecider, DaysUnderNoiseTakeFewDecisions) {
  const uint64_t seed = env::TestSeed();
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> share(0, 1);
  constexpr int kRuns = 8;
  for (int run = 0; run < kRuns; ++run) {
    const double peak = 2 + 40 * share(random);
    const double noise = 0.6 * share(random);
    const double gaps = 0.02 * share(random);
    const int kind = static_cast<int>(random() % 3);
    SCOPED_TRACE(fmt::format("DOHLE_SEED={} run {}: kind {}, peak {:.2f}, noise {:.2f}, gaps {:.3f}", seed,
                             run, kind, peak, noise, gaps));
    Simulation topic(2, 200);
    topic.seed_ = random();
    auto gap_random = std::make_shared<std::mt19937_64>(random());
    topic.gap_ = [=](int64_t) { return std::uniform_real_distribution<double>(0, 1)(*gap_random) < gaps; };
    const LoadShape shape = kind == 0   ? WorkingDay(peak)
                            : kind == 1 ? Sine(peak / 2, peak / 2, kDayMs)
                                        : Bursts(peak / 10, peak, kHourMs, 10 * kMinuteMs);
    topic.Run(kDayMs / 2, shape, noise);
    topic.state_ = PartitionState();  // an operator that starts again
    topic.Run(2 * kDayMs, shape, noise);
    const double most_decisions = 2 + std::log(std::max(peak, 2.0)) / std::log(1.5);
    EXPECT_LE(static_cast<double>(topic.growths_.size()), most_decisions);
    EXPECT_GE(topic.partitions_, 0.85 * peak) << "too few for the peak";
    // Noise that holds for seconds counts up to twofold, and growth is by half at least.
    EXPECT_LE(topic.partitions_, 3.5 * peak + 2) << "far more than the peak asks for";
  }
}

// --- lag

class LagTest : public testing::Test {
 protected:
  LagTest() {
    limits_.most = 32;
    limits_.lag_seconds = 30;
    limits_.key_order = api::KeyOrder::kRelaxed;
  }
  // A group that takes `taken` of `coming` records a second from each partition, for two minutes.
  PartitionDecision Run(int32_t partitions, std::optional<int> members, int64_t coming, int64_t taken) {
    PartitionDecision last;
    for (int look = 0; look <= 24; ++look) {
      now_ms_ += 5000;
      PartitionObservation seen;
      seen.time_ms = now_ms_;
      seen.partitions = partitions;
      seen.has_records = true;
      GroupLag group;
      group.group = "readers";
      group.members = members;
      for (int32_t i = 0; i < partitions; ++i) {
        const bool stuck = i == stuck_;
        const int64_t committed = 1000 + look * 5 * (stuck ? 0 : taken);
        const int64_t end = 1000 + behind_ + look * 5 * coming;
        if (only_ >= 0 && i != only_) {
          group.partitions.push_back({i, end, 0, 0});
          continue;
        }
        const double seconds = static_cast<double>(end - committed) / static_cast<double>(coming);
        group.partitions.push_back({i, committed, end - committed, seconds});
      }
      seen.groups.emplace();
      seen.groups->push_back(std::move(group));
      last = DecidePartitions(limits_, seen, state_);
      if (last.grow) return last;
    }
    return last;
  }

  PartitionLimits limits_;
  PartitionState state_;
  int64_t now_ms_ = 0;
  int64_t behind_ = 100'000;
  int stuck_ = -1, only_ = -1;
};

TEST_F(LagTest, AGroupWithAConsumerForEachPartitionThatFallsBehindGetsMore) {
  const PartitionDecision decision = Run(4, 4, 1000, 600);
  EXPECT_TRUE(decision.grow) << decision.reason;
  EXPECT_EQ(decision.wanted, 7);  // 4 x 1000 / 600
  EXPECT_THAT(decision.note,
              HasSubstr("its 4 consumers take 2400 records/s from 4 partitions, 4000 records/s come"));
}

TEST_F(LagTest, IdleConsumersGetPartitions) {
  const PartitionDecision decision = Run(4, 8, 1000, 990);
  EXPECT_TRUE(decision.grow) << decision.reason;
  EXPECT_EQ(decision.wanted, 8);
}

TEST_F(LagTest, FewerConsumersThanPartitionsAreNotHelped) {
  const PartitionDecision decision = Run(4, 3, 1000, 600);
  EXPECT_FALSE(decision.grow);
  EXPECT_EQ(decision.reason, partition_reason::kFewConsumers);
  EXPECT_THAT(decision.note, HasSubstr("3 consumers for 4 partitions"));
}

TEST_F(LagTest, NoConsumersAreNotHelped) {
  EXPECT_EQ(Run(4, 0, 1000, 0).reason, partition_reason::kFewConsumers);
}

TEST_F(LagTest, UnknownConsumersAreNotHelped) {
  EXPECT_EQ(Run(4, std::nullopt, 1000, 600).reason, partition_reason::kUnknownConsumers);
}

TEST_F(LagTest, AStuckConsumerIsNotHelped) {
  stuck_ = 2;
  const PartitionDecision decision = Run(4, 4, 1000, 600);
  EXPECT_FALSE(decision.grow);
  EXPECT_EQ(decision.reason, partition_reason::kStuck);
  EXPECT_THAT(decision.note, HasSubstr("partition 2"));
}

TEST_F(LagTest, OneSlowPartitionIsNotHelped) {
  only_ = 1;
  EXPECT_EQ(Run(4, 4, 1000, 600).reason, partition_reason::kUneven);
}

TEST_F(LagTest, AGroupThatCatchesUpNeedsNothing) {
  const PartitionDecision decision = Run(4, 4, 1000, 2500);
  EXPECT_FALSE(decision.grow);
  EXPECT_EQ(decision.reason, partition_reason::kWithin);
}

TEST_F(LagTest, AGroupThatIsNearEnoughNeedsNothing) {
  behind_ = 20'000;
  const PartitionDecision decision = Run(4, 4, 1000, 1000);
  EXPECT_FALSE(decision.grow);
  EXPECT_EQ(decision.reason, partition_reason::kWithin);
}

}  // namespace
}  // namespace dohle::reconcile::autoscaling
