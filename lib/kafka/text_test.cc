#include "lib/kafka/text.h"

#include <gtest/gtest.h>

#include "absl/hash/hash_testing.h"

namespace dohle::kafka {
namespace {

TEST(TextTest, BorrowsFromViewsLiteralsAndLvalues) {
  const std::string name = "topic";
  const Text text = name;
  EXPECT_FALSE(text.owned());
  EXPECT_EQ(text.data(), name.data());
  EXPECT_FALSE(Text("literal").owned());
  EXPECT_EQ(Text(std::string_view(name)).data(), name.data());
}

TEST(TextTest, OwnsWhatWouldDie) {
  Text text = std::string("a temporary that is longer than a small string");
  EXPECT_TRUE(text.owned());
  EXPECT_EQ(text.view(), "a temporary that is longer than a small string");
}

TEST(TextTest, CopyOfAnOwnerOwnsItsOwnBytes) {
  auto original = std::make_unique<Text>(Text::Copy("bytes"));
  const Text copy = *original;
  EXPECT_NE(copy.data(), original->data());
  original.reset();
  EXPECT_TRUE(copy.owned());
  EXPECT_EQ(copy, Text("bytes"));
}

TEST(TextTest, CopyOfABorrowerBorrows) {
  const Text original = "bytes";
  const Text copy = original;
  EXPECT_EQ(copy.data(), original.data());
}

TEST(TextTest, MoveLeavesNothingBehindThatFreesTwice) {
  Text a = Text::Copy("first");
  Text b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT: what a moved-from Text is, is the question
  b = Text::Copy("second");
  const Text& same = b;
  b = same;
  EXPECT_EQ(b.view(), "second");
  b = "borrowed";
  EXPECT_FALSE(b.owned());
}

TEST(TextTest, OrdersAndHashesByBytes) {
  EXPECT_LT(Text("a"), Text("b"));
  EXPECT_EQ(Text::Copy("x"), Text("x"));
  EXPECT_EQ(Text(""), Text());
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly({Text(), Text("a"), Text::Copy("a"), Text("ab")}));
}

}  // namespace
}  // namespace dohle::kafka
