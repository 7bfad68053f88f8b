#include "operator/reconcile/upgrading/upgrade_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace dohle::reconcile {
namespace {

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kNoon = 1'795'262'400'000;  // 2026-11-21T12:00:00Z

// Three brokers, seen again and again, as the reconciler does it.
class UpgradePlanTest : public testing::Test {
 protected:
  UpgradePlanTest() {
    sight_.now_ms = kNoon;
    sight_.well_since_ms = kNoon - 100 * kHour;
    Run("image-1", "0.1.0");
    Serve(29, 1);
    Finalize(29, 1);
  }
  void Run(const std::string& image, const std::string& version) {
    sight_.brokers.clear();
    for (int32_t id = 0; id < 3; ++id) sight_.brokers.push_back({id, image, version, true});
  }
  void Serve(int16_t metadata, int16_t eligible) {
    sight_.features["metadata.version"].max = metadata;
    sight_.features["eligible.leader.replicas.version"].max = eligible;
    sight_.features["share.version"].max = 1;
  }
  void Finalize(int16_t metadata, int16_t eligible) {
    sight_.features["metadata.version"].level = metadata;
    sight_.features["eligible.leader.replicas.version"].level = eligible;
  }
  std::string Look() {
    const UpgradePlan plan = PlanUpgrade(sight_, status_);
    status_ = plan.status;
    std::string text = fmt::format("{} {} since {}h, levels of {}", status_.image, status_.version,
                                   (status_.since_ms - kNoon) / kHour, status_.levels_of);
    if (plan.raise.empty()) return text;
    return fmt::format("{}\n{}{}", text, plan.reason,
                       plan.blocked_by.empty() ? "" : " | blocked: " + plan.blocked_by);
  }
  void Pass(int64_t hours) { sight_.now_ms += hours * kHour; }
  void Upgrade() {
    Look();
    Pass(1);
    Run("image-2", "0.2.0");
    Serve(30, 1);
  }
  UpgradeSight sight_;
  api::UpgradeStatus status_;
};

TEST_F(UpgradePlanTest, ANewClusterHasTheLevelsOfItsVersion) {
  EXPECT_EQ(Look(), "image-1 0.1.0 since 0h, levels of 0.1.0");
  EXPECT_EQ(status_.levels,
            (api::StringPairs{{"eligible.leader.replicas.version", "1"}, {"metadata.version", "29"}}));
  Pass(1);
  EXPECT_EQ(Look(), "image-1 0.1.0 since 0h, levels of 0.1.0");
}

TEST_F(UpgradePlanTest, LevelsAreRaisedAfterTheSoak) {
  Upgrade();
  const std::string step =
      "image-2 0.2.0 since 1h, levels of 0.1.0\n"
      "metadata.version 29 to 30: 3 brokers run 0.2.0 since 2026-11-21T13:00:00Z; to versions without these "
      "levels they can't go back then";
  const std::string waits = " | blocked: it soaks until 2026-11-22T13:00:00Z; plan " +
                            PlanUpgrade(sight_, status_).status.plan + " can be approved before";
  EXPECT_EQ(Look(), step + waits);
  Pass(23);
  EXPECT_EQ(Look(), step + waits);
  Pass(1);
  EXPECT_EQ(Look(), step);
  Finalize(30, 1);
  EXPECT_EQ(Look(), "image-2 0.2.0 since 1h, levels of 0.2.0");
}

TEST_F(UpgradePlanTest, WhileItRollsNothingIsKnownAnew) {
  Upgrade();
  sight_.brokers[2] = {2, "image-1", "0.1.0", true};
  EXPECT_EQ(Look(), "image-1 0.1.0 since 0h, levels of 0.1.0");
  sight_.brokers[2] = {2, "image-2", "0.2.0", false};
  EXPECT_EQ(Look(), "image-1 0.1.0 since 0h, levels of 0.1.0");
}

TEST_F(UpgradePlanTest, WithoutASoakAtOnce) {
  sight_.spec.soak_seconds = 0;
  Upgrade();
  EXPECT_EQ(Look().find("blocked"), std::string::npos);
}

TEST_F(UpgradePlanTest, TroubleBeginsTheSoakAnew) {
  Upgrade();
  Look();
  Pass(20);
  sight_.well_since_ms = -1;
  EXPECT_NE(Look().find("blocked: something is wrong with the Cluster: it soaks anew once nothing is"),
            std::string::npos);
  Pass(1);
  sight_.well_since_ms = sight_.now_ms;
  EXPECT_NE(Look().find("blocked: it soaks until 2026-11-23T10:00:00Z"), std::string::npos) << Look();
}

TEST_F(UpgradePlanTest, RestartsComeFirst) {
  sight_.spec.soak_seconds = 0;
  Upgrade();
  sight_.restarting = true;
  EXPECT_NE(Look().find("blocked: brokers are to be restarted first"), std::string::npos);
}

TEST_F(UpgradePlanTest, ByHandAfterApprovalOnly) {
  sight_.spec.features = api::FeatureMode::kManual;
  Upgrade();
  Pass(1000);
  EXPECT_NE(Look().find("blocked: it waits for approval: kubectl dohle approve, with " + status_.plan),
            std::string::npos)
      << Look();
  sight_.approved = "another";
  EXPECT_NE(Look().find("blocked"), std::string::npos);
  sight_.approved = status_.plan;
  EXPECT_EQ(Look().find("blocked"), std::string::npos);
}

TEST_F(UpgradePlanTest, ApprovalShortensTheSoak) {
  Upgrade();
  Look();
  sight_.approved = status_.plan;
  EXPECT_EQ(Look().find("blocked"), std::string::npos);
}

TEST_F(UpgradePlanTest, BackBeforeTheLevelsAreRaised) {
  Upgrade();
  Look();
  EXPECT_EQ(WhyNotImage("image-1", status_), "");
  Pass(2);
  Run("image-1", "0.1.0");
  Serve(29, 1);
  EXPECT_EQ(Look(), "image-1 0.1.0 since 3h, levels of 0.1.0");
}

TEST_F(UpgradePlanTest, NoWayBackAfterwards) {
  Upgrade();
  Look();
  Finalize(30, 1);
  Look();
  EXPECT_EQ(WhyNotImage("image-1", status_),
            "image-1 runs 0.1.0, which serves metadata.version up to 29, and 30 is in force (of 0.2.0): name "
            "image-2 or a later one");
  EXPECT_EQ(WhyNotImage("image-2", status_), "");
  EXPECT_EQ(WhyNotImage("never-ran", status_), "");
}

TEST_F(UpgradePlanTest, WhatIsLoweredByHandStays) {
  Upgrade();
  Finalize(30, 1);
  Look();
  Finalize(30, 0);
  EXPECT_EQ(Look(), "image-2 0.2.0 since 1h, levels of 0.2.0");
}

TEST_F(UpgradePlanTest, AnOlderClusterIsRaisedToWhatItsVersionHas) {
  Finalize(20, 0);
  sight_.spec.soak_seconds = 0;
  EXPECT_NE(Look().find("eligible.leader.replicas.version 0 to 1, metadata.version 20 to 29: 3 brokers"),
            std::string::npos)
      << Look();
}

TEST_F(UpgradePlanTest, NothingIsPlannedByWhatNobodyTells) {
  sight_.features.clear();
  EXPECT_EQ(Look(), "image-1 0.1.0 since 0h, levels of ");
  sight_.brokers.clear();
  EXPECT_EQ(Look(), "image-1 0.1.0 since 0h, levels of ");
}

TEST_F(UpgradePlanTest, AnotherImageOfTheSameVersionRaisesNothing) {
  Look();
  Pass(5);
  Run("image-1b", "0.1.0");
  EXPECT_EQ(Look(), "image-1b 0.1.0 since 5h, levels of 0.1.0");
}

TEST_F(UpgradePlanTest, SomeImagesAreRemembered) {
  for (int i = 0; i < 20; ++i) {
    Run(fmt::format("image-{}", i), "0.1.0");
    Look();
  }
  ASSERT_EQ(status_.images.size(), api::kMaxImageRecords);
  EXPECT_EQ(status_.images.back().image, "image-19");
  const api::UpgradeStatus before = status_;
  Look();
  EXPECT_EQ(before.images.front().image, status_.images.front().image);
}

}  // namespace
}  // namespace dohle::reconcile
