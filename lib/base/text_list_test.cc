#include "lib/base/text_list.h"

#include <gtest/gtest.h>

namespace dohle {
namespace {

using Parts = std::vector<std::string_view>;

TEST(TextListTest, EmptyPartsAreLeftOut) {
  EXPECT_EQ(NonEmptyParts("a,bc,d"), (Parts{"a", "bc", "d"}));
  EXPECT_EQ(NonEmptyParts(",a,, b,"), (Parts{"a", " b"}));
  EXPECT_EQ(NonEmptyParts("a,b;c", ';'), (Parts{"a,b", "c"}));
  EXPECT_EQ(NonEmptyParts(""), Parts());
  EXPECT_EQ(NonEmptyParts(",,"), Parts());
}

TEST(TextListTest, BlanksAndTabsAtTheEndsGo) {
  EXPECT_EQ(Trimmed(" \ta b\t "), "a b");
  EXPECT_EQ(Trimmed("a\n"), "a\n");
  EXPECT_EQ(Trimmed(" \t "), "");
}

TEST(TextListTest, ItemsAreAddedOnceAndTakenAway) {
  EXPECT_EQ(ListWith("a,b", "b,c,c"), "a,b,c");
  EXPECT_EQ(ListWith("", "a"), "a");
  EXPECT_EQ(ListWithout("a,b,c", "b,d"), "a,c");
  EXPECT_EQ(ListWithout("a", "a"), "");
}

}  // namespace
}  // namespace dohle
