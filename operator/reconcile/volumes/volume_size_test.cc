#include "operator/reconcile/volumes/volume_size.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "operator/api/quantity.h"
#include "operator/reconcile/volumes/test_claims.h"

namespace dohle::reconcile {
namespace {

constexpr int64_t kGibibyte = int64_t{1} << 30;

std::string Size(const std::string& spec_size, const Claim& claim, const std::string& max_size = "",
                 double used_gibibytes = -1, double of_gibibytes = 10) {
  api::StorageVolume volume;
  volume.size = spec_size;
  std::optional<api::AutoGrow> grow;
  if (!max_size.empty()) grow = api::AutoGrow{max_size, 80, 25};
  VolumeUse use;
  if (used_gibibytes >= 0)
    use = {static_cast<int64_t>(used_gibibytes * kGibibyte), static_cast<int64_t>(of_gibibytes * kGibibyte)};
  const VolumeSize size = SizeOf(volume, grow, claim, use);
  std::string text =
      fmt::format("{} (spec {}", api::FormatQuantity(size.bytes), api::FormatQuantity(size.asked));
  if (size.grown >= 0) text += fmt::format(", grown {}", api::FormatQuantity(size.grown));
  text += ")";
  if (size.shrinks) text += " shrinks";
  if (!size.reason.empty()) text += ": " + size.reason;
  if (!size.limit.empty()) text += " | " + size.limit;
  return text;
}

TEST(VolumeSizeTest, IsWhatTheSpecAsks) {
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi")), "10Gi (spec 10Gi)");
  EXPECT_EQ(Size("10240Mi", TestClaim("10Gi")), "10Gi (spec 10Gi)");
  EXPECT_EQ(Size("20Gi", TestClaim("10Gi")), "20Gi (spec 20Gi): it grows from 10Gi to 20Gi, as is asked");
  EXPECT_EQ(Size("5Gi", TestClaim("10Gi")), "10Gi (spec 10Gi) shrinks");
}

TEST(VolumeSizeTest, WhatSomebodyElseHasMadeLargerStaysSo) {
  const std::string by_hand = R"({"metadata":{"annotations":{"dohle.dev/size":"10Gi"}}})";
  EXPECT_EQ(Size("10Gi", TestClaim("30Gi", by_hand)), "30Gi (spec 10Gi)");
  EXPECT_EQ(Size("20Gi", TestClaim("30Gi", by_hand)), "30Gi (spec 20Gi)");
  EXPECT_EQ(Size("5Gi", TestClaim("30Gi", by_hand)), "30Gi (spec 10Gi) shrinks");
  // Made before there was the annotation: nobody knows who.
  const std::string no_annotation = R"({"metadata":{"annotations":null}})";
  EXPECT_EQ(Size("10Gi", TestClaim("30Gi", no_annotation)), "30Gi (spec 10Gi)");
}

TEST(VolumeSizeTest, GrowsWhenItGetsFull) {
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi"), "40Gi", 7.9), "10Gi (spec 10Gi)");
  EXPECT_EQ(
      Size("10Gi", TestClaim("10Gi"), "40Gi", 8),
      "12800Mi (spec 10Gi, grown 12800Mi): it is 80 % full (8589934592 of 10737418240 bytes), more than "
      "80 %: it grows from 10Gi to 12800Mi, 40Gi at most");
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi"), "40Gi"), "10Gi (spec 10Gi)") << "nobody tells";
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi"), "", 10), "10Gi (spec 10Gi)") << "not asked for";
}

TEST(VolumeSizeTest, TakesAsManyStepsAsAreNeededAtOnce) {
  EXPECT_EQ(
      Size("1Gi", TestClaim("1Gi"), "40Gi", 1, 1),
      "1600Mi (spec 1Gi, grown 1600Mi): it is 100 % full (1073741824 of 1073741824 bytes), more than 80 "
      "%: it grows from 1Gi to 1600Mi, 40Gi at most");
}

TEST(VolumeSizeTest, WhatItHasGrownToIsKeptByTheClaim) {
  const std::string grown =
      R"({"metadata":{"annotations":{"dohle.dev/size":"10Gi","dohle.dev/grown":"13Gi"}}})";
  EXPECT_EQ(Size("10Gi", TestClaim("13Gi", grown), "40Gi", 5, 13), "13Gi (spec 10Gi, grown 13Gi)");
  EXPECT_EQ(Size("10Gi", TestClaim("13Gi", grown)), "13Gi (spec 10Gi, grown 13Gi)") << "autoGrow was removed";
  EXPECT_EQ(Size("12Gi", TestClaim("13Gi", grown), "40Gi", 5, 13), "13Gi (spec 12Gi, grown 13Gi)");
  EXPECT_EQ(Size("5Gi", TestClaim("13Gi", grown), "40Gi", 5, 13), "13Gi (spec 5Gi, grown 13Gi)");
  EXPECT_EQ(Size("20Gi", TestClaim("13Gi", grown), "40Gi", 13, 13),
            "20Gi (spec 20Gi, grown 13Gi): it grows from 13Gi to 20Gi, as is asked");
  EXPECT_EQ(Size("10Gi", TestClaim("13Gi", grown), "12Gi", 5, 13), "13Gi (spec 10Gi, grown 13Gi) shrinks")
      << "the limit is less by now";
}

TEST(VolumeSizeTest, NeverGrowsAboveTheLimit) {
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi"), "11Gi", 10),
            "11Gi (spec 10Gi, grown 11Gi): it is 100 % full (10737418240 of 10737418240 bytes), more than 80 "
            "%: it grows from 10Gi to 11Gi, 11Gi at most");
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi"), "10Gi", 9),
            "10Gi (spec 10Gi) | it is 90 % full (9663676416 of 10737418240 bytes), more than 80 %, and has "
            "reached its limit of 10Gi: raise autoGrow.maxSize, or keep less");
}

TEST(VolumeSizeTest, DecidesNothingWhileAResizeIsUnderWay) {
  const std::string growing = R"({"status":{"capacity":{"storage":"8Gi"}}})";
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi", growing), "40Gi", 7.9, 8), "10Gi (spec 10Gi)");
  const std::string unbound = R"({"status":{"capacity":null}})";
  EXPECT_EQ(Size("10Gi", TestClaim("10Gi", unbound), "40Gi", 10), "10Gi (spec 10Gi)");
}

TEST(VolumeSizeTest, AFileSystemThatIsSharedTellsNothingOfTheVolume) {
  const Claim claim = TestClaim("10Gi");
  LogDirPlace dir{"/var/lib/dohle/data/log", true, 3 * kGibibyte, 9 * kGibibyte, 2 * kGibibyte};
  EXPECT_EQ(UseOf(dir, claim).used_bytes, 7 * kGibibyte);
  EXPECT_EQ(UseOf(dir, claim).of_bytes, 9 * kGibibyte);
  dir.total_bytes = 500 * kGibibyte;
  EXPECT_EQ(UseOf(dir, claim).used_bytes, 3 * kGibibyte);
  EXPECT_EQ(UseOf(dir, claim).of_bytes, 10 * kGibibyte);
  dir.works = false;
  EXPECT_EQ(UseOf(dir, claim).of_bytes, -1);
}

TEST(VolumeSizeTest, FindsTheDirectoryOfAVolume) {
  BrokerPlace broker;
  broker.log_dirs = {{.path = "/var/lib/dohle/data/log"},
                     {.path = "/var/lib/dohle/more-data/log"},
                     {.path = "/home/me/volumes/ns/more-quickstart-0/log"}};
  EXPECT_EQ(FindLogDir(broker, "data", "data-quickstart-0"), &broker.log_dirs[0]);
  EXPECT_EQ(FindLogDir(broker, "more", "more-quickstart-0"), &broker.log_dirs[2]);
  EXPECT_EQ(FindLogDir(broker, "rest", "rest-quickstart-0"), nullptr);
}

}  // namespace
}  // namespace dohle::reconcile
