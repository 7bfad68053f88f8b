#include "operator/reconcile/volumes/resize.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "operator/reconcile/volumes/test_claims.h"

namespace dohle::reconcile {
namespace {

// 2026-01-01T00:00:00Z.
constexpr int64_t kThen = 1'767'225'600'000;
constexpr int64_t kMinute = 60'000;

// A claim that has 10Gi and asks for 20Gi, with that condition since then.
Claim Growing(const std::string& conditions = "[]", const std::string& allocated = "") {
  return TestClaim("20Gi", fmt::format(R"({{"status":{{"capacity":{{"storage":"10Gi"}},"conditions":{},
                     "allocatedResourceStatuses":{{"storage":"{}"}}}}}})",
                                       conditions, allocated));
}
std::string Condition(const std::string& type, const std::string& message = "") {
  return fmt::format(
      R"([{{"type":"{}","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","message":"{}"}}])", type,
      message);
}
std::string Progress(const Claim& claim, int64_t mounted_ms, int64_t now_ms) {
  const ResizeProgress progress = ProgressOf(claim, mounted_ms, now_ms);
  return fmt::format("{} | {}{}{}", progress.reason, progress.waits, progress.failed ? " (failed)" : "",
                     progress.remount ? " (remount)" : "");
}

TEST(ResizeTest, NothingIsToldOfVolumesThatHaveWhatTheyAskFor) {
  EXPECT_EQ(Progress(TestClaim("10Gi"), kThen, kThen), " | ");
  // It isn't bound yet, or what is told is of a resize that is over.
  EXPECT_EQ(Progress(TestClaim("10Gi", R"({"status":null})"), kThen, kThen), " | ");
  EXPECT_EQ(Progress(TestClaim("10Gi", fmt::format(R"({{"status":{{"conditions":{}}}}})",
                                                   Condition("ControllerResizeError", "no"))),
                     kThen, kThen),
            " | ");
}

TEST(ResizeTest, TheStorageGrowsThenTheFileSystem) {
  EXPECT_EQ(Progress(Growing(), kThen, kThen),
            "it grows from 10Gi to 20Gi | its storage driver hasn't begun");
  EXPECT_EQ(Progress(Growing(Condition("Resizing")), kThen, kThen + 60 * kMinute),
            "it grows from 10Gi to 20Gi | the storage is growing");
  EXPECT_EQ(Progress(Growing(Condition("FileSystemResizePending")), kThen - 1, kThen + 4 * kMinute),
            "it grows from 10Gi to 20Gi | the storage has grown, and its file system grows next");
}

TEST(ResizeTest, AFileSystemThatWaitsForLongIsMountedAnewOnce) {
  const Claim claim = Growing(Condition("FileSystemResizePending"));
  EXPECT_EQ(
      Progress(claim, kThen - 1, kThen + 5 * kMinute),
      "it grows from 10Gi to 20Gi | its file system grows only when it is mounted anew: its broker is to "
      "be restarted (remount)");
  EXPECT_EQ(Progress(claim, 0, kThen + 5 * kMinute),
            "it grows from 10Gi to 20Gi | the storage has grown, and its file system grows next")
      << "there is no Pod";
  EXPECT_EQ(Progress(claim, kThen + 5 * kMinute, kThen + 9 * kMinute),
            "it grows from 10Gi to 20Gi | the storage has grown, and its file system grows next");
  EXPECT_EQ(Progress(claim, kThen + 5 * kMinute, kThen + 10 * kMinute),
            "it grows from 10Gi to 20Gi | its file system hasn't grown, though it was mounted anew: see the "
            "events of the claim and the log of its storage driver (failed)");
}

TEST(ResizeTest, WhatTheStorageRefusesIsTold) {
  EXPECT_EQ(Progress(Growing(Condition("ControllerResizeError", "quota exceeded")), kThen, kThen),
            "it grows from 10Gi to 20Gi | the storage can't grow: quota exceeded (failed)");
  EXPECT_EQ(Progress(Growing("[]", "ControllerResizeInfeasible"), kThen, kThen),
            "it grows from 10Gi to 20Gi | the storage can't grow: see the claim's events (failed)");
  EXPECT_EQ(Progress(TestClaim("10Gi", fmt::format(R"({{"status":{{"conditions":{}}}}})",
                                                   Condition("ModifyVolumeError", "no such iops"))),
                     kThen, kThen),
            "its VolumeAttributesClass was changed | the storage refuses it: no such iops (failed)");
}

}  // namespace
}  // namespace dohle::reconcile
