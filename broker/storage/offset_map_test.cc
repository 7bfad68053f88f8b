#include "broker/storage/offset_map.h"

#include <gtest/gtest.h>

namespace dohle::storage {
namespace {

TEST(OffsetMapTest, HoldsWhatFits) {
  OffsetMap map(1000 * OffsetMap::kSlotBytes, HashKey{1, 2});
  EXPECT_LE(map.bytes(), 64 * OffsetMap::kSlotBytes);
  int64_t count = 0;
  while (map.Put("key" + std::to_string(count), Offset(count))) ++count;
  EXPECT_GT(count, 450);
  EXPECT_LE(map.bytes(), 1000 * OffsetMap::kSlotBytes);
  for (int64_t i = 0; i < count; ++i) ASSERT_EQ(map.Get("key" + std::to_string(i)), Offset(i));
  EXPECT_EQ(map.Get("another"), kNoOffset);
  EXPECT_TRUE(map.Put("key0", Offset(5000)));
  EXPECT_EQ(map.Get("key0"), Offset(5000));
}

// The vector of the reference implementation: key 00..0f, no input.
TEST(OffsetMapTest, IsSipHash128) {
  const KeyHash hash = HashOf("", {0x0706050403020100u, 0x0f0e0d0c0b0a0908u});
  EXPECT_EQ(hash.low, 0xe6a825ba047f81a3u);
  EXPECT_EQ(hash.high, 0x930255c71472f66du);
}

}  // namespace
}  // namespace dohle::storage
