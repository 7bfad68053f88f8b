#include "operator/reconcile/autoscaling/broker_decider.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "lib/env/posix/test_seed.h"
#include "operator/reconcile/autoscaling/test_loads.h"

namespace dohle::reconcile::autoscaling {
namespace {

using testing::HasSubstr;

constexpr double kTarget = 50 << 20;
constexpr int64_t kSecondMs = 1000, kMinuteMs = 60'000, kHourMs = 3'600'000, kDayMs = 24 * kHourMs;
constexpr int64_t kPeriodMs = 5 * kSecondMs;

// A cluster under a load, in multiples of what one broker is meant for. Brokers that are added serve after a
// minute; those that are taken away are gone at once.
class Simulation {
 public:
  explicit Simulation(int32_t brokers) : brokers_(brokers), serving_(brokers) {
    limits_.least = 3;
    limits_.most = 12;
    limits_.bytes_per_second = kTarget;
  }

  struct Change {
    int64_t time_ms;
    int32_t from, to;
    std::string reason, note;
  };

  void Run(int64_t until_ms, const LoadShape& load, double noise = 0) {
    Noise factors(seed_, noise);
    for (; now_ms_ < until_ms; now_ms_ += kPeriodMs) {
      if (now_ms_ >= serve_at_ms_) serving_ = brokers_;
      const double total = load(now_ms_) * kTarget * (noise > 0 ? factors.Next() : 1);
      Look(total);
    }
  }

  void Look(double total) {
    BrokerObservation seen;
    seen.time_ms = now_ms_;
    seen.brokers = brokers_;
    seen.no_scale_in = serving_ < brokers_ ? "brokers are starting" : busy_;
    seen.most_replicas = 3;
    for (int32_t id = 0; id < serving_; ++id) {
      BrokerReading reading;
      if (!gap_ || !gap_(id)) reading.bytes_per_second = total / serving_;
      reading.disk_used_bytes = disk_used_ / serving_;
      reading.disk_bytes = 100;
      seen.readings.push_back(reading);
    }
    const BrokerDecision decision = DecideBrokers(limits_, seen, state_);
    reason_ = decision.reason;
    if (!decision.scale) return;
    ASSERT_NE(decision.wanted, brokers_);
    ASSERT_GE(decision.wanted, std::min(limits_.least, brokers_));
    ASSERT_LE(decision.wanted, std::max(limits_.most, brokers_));
    changes_.push_back({now_ms_, brokers_, decision.wanted, decision.reason, decision.note});
    if (limits_.dry_run) return;
    if (decision.wanted > brokers_) serve_at_ms_ = now_ms_ + kMinuteMs;
    if (decision.wanted < brokers_) serving_ = std::min(serving_, decision.wanted);
    brokers_ = decision.wanted;
  }

  // The operator starts again: of its state it finds when the number was last changed.
  void Restart() {
    const BrokerState before = std::move(state_);
    state_ = BrokerState();
    state_.scaled_ms = before.scaled_ms;
    state_.scaled_out = before.scaled_out;
  }

  int CountIf(const std::function<bool(const Change&)>& predicate) const {
    return static_cast<int>(std::count_if(changes_.begin(), changes_.end(), predicate));
  }

  BrokerLimits limits_;
  BrokerState state_;
  int32_t brokers_, serving_;
  int64_t now_ms_ = 0, serve_at_ms_ = 0;
  uint64_t seed_ = 1;
  double disk_used_ = 0;
  std::string busy_;
  std::function<bool(int32_t id)> gap_;
  std::vector<Change> changes_;
  std::string reason_;
};

TEST(BrokerDecider, AStepUpIsFollowedAfterTheStabilization) {
  Simulation cluster(3);
  cluster.Run(2 * kHourMs, Step(2.5, 8, kHourMs));
  ASSERT_EQ(cluster.changes_.size(), 1U);
  EXPECT_EQ(cluster.changes_[0].to, 8);
  EXPECT_EQ(cluster.changes_[0].reason, broker_reason::kBytes);
  EXPECT_GE(cluster.changes_[0].time_ms - kHourMs, kMinuteMs);
  EXPECT_LE(cluster.changes_[0].time_ms - kHourMs, kMinuteMs + 20 * kSecondMs);
  EXPECT_THAT(cluster.changes_[0].note, HasSubstr("50.0 MiB/s are asked for"));
}

TEST(BrokerDecider, AStepDownIsFollowedAfterItsOwnStabilization) {
  Simulation cluster(8);
  cluster.Run(3 * kHourMs, Step(7, 3, kHourMs));
  ASSERT_EQ(cluster.changes_.size(), 1U);
  EXPECT_EQ(cluster.changes_[0].to, 4);  // so that a tenth is left
  EXPECT_EQ(cluster.changes_[0].reason, broker_reason::kFewerDo);
  EXPECT_GE(cluster.changes_[0].time_ms - kHourMs, 30 * kMinuteMs);
  EXPECT_LE(cluster.changes_[0].time_ms - kHourMs, 33 * kMinuteMs);
}

TEST(BrokerDecider, AShortBurstIsNoReason) {
  Simulation cluster(3);
  cluster.Run(kDayMs, Bursts(2.5, 10, kHourMs, 30 * kSecondMs));
  EXPECT_TRUE(cluster.changes_.empty());
}

TEST(BrokerDecider, BurstsThatComeAgainKeepTheBrokers) {
  Simulation cluster(3);
  cluster.Run(kDayMs, Bursts(2.5, 8, 25 * kMinuteMs, 5 * kMinuteMs));
  EXPECT_EQ(cluster.brokers_, 8);
  EXPECT_LE(cluster.changes_.size(), 2U);
}

TEST(BrokerDecider, ATenthTooMuchIsNoReason) {
  Simulation cluster(5);
  cluster.Run(kDayMs, Steady(5.4));
  EXPECT_TRUE(cluster.changes_.empty());
}

TEST(BrokerDecider, NeverLeavesItsBounds) {
  Simulation cluster(3);
  cluster.Run(2 * kHourMs, Steady(100));
  EXPECT_EQ(cluster.brokers_, 12);
  EXPECT_EQ(cluster.reason_, broker_reason::kAtMost);
  cluster.Run(6 * kHourMs, Steady(0));
  EXPECT_EQ(cluster.brokers_, 3);
}

TEST(BrokerDecider, BoundsThatChangeAreFollowedAtOnce) {
  Simulation cluster(2);
  cluster.Run(kPeriodMs, Steady(1));
  EXPECT_EQ(cluster.brokers_, 3);
  cluster.limits_.most = 2;
  cluster.limits_.least = 2;
  cluster.Run(3 * kMinuteMs, Steady(1));
  EXPECT_EQ(cluster.brokers_, 2);
  EXPECT_EQ(cluster.changes_.back().reason, broker_reason::kMost);
}

TEST(BrokerDecider, ScaleOutBeatsScaleIn) {
  Simulation cluster(8);
  // Full disks call for more, though the bytes would do with fewer.
  cluster.limits_.disk_share = 0.5;
  cluster.disk_used_ = 450;
  cluster.Run(2 * kHourMs, Steady(2));
  ASSERT_EQ(cluster.changes_.size(), 1U);
  EXPECT_EQ(cluster.changes_[0].to, 9);
  EXPECT_EQ(cluster.changes_[0].reason, broker_reason::kDisk);
}

TEST(BrokerDecider, BrokersAreAddedAtOnceAfterSomeWereTakenAway) {
  Simulation cluster(8);
  while (cluster.changes_.empty()) cluster.Run(cluster.now_ms_ + kPeriodMs, Steady(2));
  EXPECT_EQ(cluster.brokers_, 3);
  const int64_t removed_ms = cluster.changes_[0].time_ms;
  cluster.Run(kHourMs, Step(2, 7, removed_ms + kPeriodMs));
  ASSERT_EQ(cluster.changes_.size(), 2U);
  EXPECT_LE(cluster.changes_[1].time_ms - removed_ms, kMinuteMs + 30 * kSecondMs) << "within the cooldown";
}

TEST(BrokerDecider, ABusyClusterLosesNoBroker) {
  Simulation cluster(8);
  cluster.busy_ = "replicas are being moved";
  cluster.Run(2 * kHourMs, Steady(2));
  EXPECT_TRUE(cluster.changes_.empty());
  EXPECT_EQ(cluster.reason_, broker_reason::kBusy);
}

TEST(BrokerDecider, ASilentBrokerIsNoReasonToTakeBrokersAway) {
  Simulation cluster(6);
  cluster.gap_ = [](int32_t id) { return id != 0; };  // five of six are silent
  cluster.Run(kDayMs, Steady(5.5));
  EXPECT_TRUE(cluster.changes_.empty());
}

TEST(BrokerDecider, WithoutAnySensorNothingIsDone) {
  Simulation cluster(6);
  cluster.gap_ = [](int32_t) { return true; };
  cluster.Run(kDayMs, Steady(1));
  EXPECT_TRUE(cluster.changes_.empty());
  EXPECT_EQ(cluster.reason_, broker_reason::kNoData);
}

TEST(BrokerDecider, AGapInTheLooksBeginsTheScaleInWindowAnew) {
  Simulation cluster(8);
  cluster.Run(29 * kMinuteMs, Steady(2));
  cluster.now_ms_ += 5 * kMinuteMs;
  const int64_t again_ms = cluster.now_ms_;
  cluster.Run(2 * kHourMs, Steady(2));
  ASSERT_EQ(cluster.changes_.size(), 1U);
  EXPECT_GE(cluster.changes_[0].time_ms - again_ms, 30 * kMinuteMs);
}

TEST(BrokerDecider, ADryRunSaysItAndChangesNothing) {
  Simulation cluster(3);
  cluster.limits_.dry_run = true;
  cluster.Run(kHourMs, Steady(8));
  EXPECT_EQ(cluster.brokers_, 3);
  EXPECT_GT(cluster.changes_.size(), 1U);
  for (const auto& change : cluster.changes_) EXPECT_EQ(change.to, 8);
}

// Days of load with noise, silent sensors, operators that start again: few decisions, none too late, none
// against the rules.
TEST(BrokerDecider, DaysUnderNoiseTakeFewDecisions) {
  const uint64_t seed = env::TestSeed();
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> share(0, 1);
  constexpr int kRuns = 20;
  constexpr int kDays = 3;
  for (int run = 0; run < kRuns; ++run) {
    const double peak = 4 + 7 * share(random);
    const double noise = 0.5 * share(random);
    const double gaps = 0.1 * share(random);
    const int kind = static_cast<int>(random() % 4);
    SCOPED_TRACE(fmt::format("DOHLE_SEED={} run {}: kind {}, peak {:.2f}, noise {:.2f}, gaps {:.3f}", seed,
                             run, kind, peak, noise, gaps));
    Simulation cluster(3);
    cluster.seed_ = random();
    auto gap_random = std::make_shared<std::mt19937_64>(random());
    cluster.gap_ = [=](int32_t) { return std::uniform_real_distribution<double>(0, 1)(*gap_random) < gaps; };
    const LoadShape shape = kind == 0   ? WorkingDay(peak)
                            : kind == 1 ? Sine(peak * 0.6, peak * 0.4, kDayMs)
                            : kind == 2 ? Bursts(peak / 3, peak, 4 * kHourMs, 20 * kMinuteMs)
                                        : Steady(peak);
    for (int day = 0; day < 2 * kDays; ++day) {
      cluster.Run((day + 1) * kDayMs / 2, shape, noise);
      cluster.Restart();
    }
    // A day's curve is followed in steps: twice a day the range of 3 to 12 brokers is passed, by bursts
    // twelve times.
    const double ways = kind == 3 ? 1 : kind == 2 ? 12 : 2;
    EXPECT_LE(static_cast<double>(cluster.changes_.size()), kDays * ways * (kind == 2 ? 3 : 9));
    if (kind == 3) {
      EXPECT_LE(cluster.changes_.size(), 6U);
    }
    for (size_t i = 1; i < cluster.changes_.size(); ++i) {
      const auto& before = cluster.changes_[i - 1];
      const auto& change = cluster.changes_[i];
      const bool in = change.to < change.from;
      if (!in) continue;
      EXPECT_GE(change.time_ms - before.time_ms, cluster.limits_.in_after_ms / 6);
    }
  }
}

}  // namespace
}  // namespace dohle::reconcile::autoscaling
