#include "lib/base/strong_int.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "lib/base/ids.h"

namespace dohle {
namespace {

TEST(StrongIntTest, DistinctTypesDoNotMix) {
  static_assert(!std::is_convertible_v<int64_t, Offset>);
  static_assert(!std::is_convertible_v<Offset, int64_t>);
  static_assert(!std::is_constructible_v<Offset, NodeId>);
}

TEST(StrongIntTest, Arithmetic) {
  Offset a(5);
  EXPECT_EQ(a + 2, Offset(7));
  EXPECT_EQ(Offset(9) - a, 4);
  EXPECT_LT(a, Offset(6));
  EXPECT_EQ(++a, Offset(6));
}

TEST(StrongIntTest, PrintsAsItsNumber) { EXPECT_EQ(ToString(Offset(-1)), "-1"); }

}  // namespace
}  // namespace dohle
