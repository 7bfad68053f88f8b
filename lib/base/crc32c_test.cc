#include "lib/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace dohle {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32cTest, KnownVectors) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(""), 0U);
}

uint32_t BitByBit(std::string_view data) {
  uint32_t crc = ~0U;
  for (char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int k = 0; k < 8; ++k) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78U : crc >> 1;
  }
  return ~crc;
}

TEST(Crc32cTest, ShortAndLongPathsAgreeWithTheDefinition) {
  std::string data;
  for (size_t n = 0; n < 2000; ++n) {
    if (n % 37 == 0 || (n > 500 && n < 520)) {
      EXPECT_EQ(Crc32c(data), BitByBit(data)) << n;
      EXPECT_EQ(
          Crc32cExtend(Crc32c(std::string_view(data).substr(0, n / 2)), std::string_view(data).substr(n / 2)),
          Crc32c(data));
    }
    data.push_back(static_cast<char>(n * 31 + 7));
  }
}

}  // namespace
}  // namespace dohle
