#include "lib/base/uuid.h"

#include <gtest/gtest.h>

namespace dohle {
namespace {

TEST(UuidTest, PrintsAsKafkaDoes) {
  EXPECT_EQ(ToString(Uuid()), "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(ToString(kMetadataTopicId), "AAAAAAAAAAAAAAAAAAAAAQ");
}

TEST(UuidTest, ParsesWhatItPrints) {
  const Uuid id(0x0123456789abcdefULL, 0xfedcba9876543210ULL);
  EXPECT_EQ(Uuid::Parse(ToString(id)), id);
}

TEST(UuidTest, RefusesWhatIsNoId) {
  EXPECT_EQ(Uuid::Parse(""), std::nullopt);
  EXPECT_EQ(Uuid::Parse("AAAAAAAAAAAAAAAAAAAAA"), std::nullopt);
  EXPECT_EQ(Uuid::Parse("AAAAAAAAAAAAAAAAAAAAA!"), std::nullopt);
}

TEST(UuidTest, RandomIdsAreVersion4AndNeverLookLikeAnOption) {
  std::array<uint8_t, 16> bytes{};
  bytes[0] = 0xf8;  // 111110..: '-' in base64url
  EXPECT_EQ(Uuid::FromRandom(bytes), std::nullopt);
  bytes[0] = 0;
  ASSERT_TRUE(Uuid::FromRandom(bytes).has_value());
  EXPECT_EQ(Uuid::FromRandom(bytes)->bytes()[6], 0x40);
  EXPECT_EQ(Uuid::FromRandom(bytes)->bytes()[8], 0x80);
}

}  // namespace
}  // namespace dohle
