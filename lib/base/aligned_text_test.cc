#include "lib/base/aligned_text.h"

#include <gtest/gtest.h>

namespace dohle {
namespace {

TEST(AlignedTextTest, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(AlignedText({{"NAME", "N", "WHY"}, {"a", "1000", "x"}, {"longer", "1", ""}}),
            "NAME    N     WHY\n"
            "a       1000  x\n"
            "longer  1     \n");
}

TEST(AlignedTextTest, RowsMayHaveDifferentNumbersOfCells) {
  EXPECT_EQ(AlignedText({{"a title"}, {"a", "b"}, {}}),
            "a title\n"
            "a        b\n"
            "\n");
  EXPECT_EQ(AlignedText({}), "");
}

}  // namespace
}  // namespace dohle
