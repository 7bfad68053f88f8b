#include "broker/replica/unreadable_appends.h"

#include <gtest/gtest.h>

namespace dohle::replica {
namespace {

TEST(UnreadableAppendsTest, BecomeReadableInOrder) {
  UnreadableAppends appends;
  EXPECT_EQ(appends.TakeUpTo(Offset(5)), 0);
  appends.Add(Offset(3), 30);
  appends.Add(Offset(7), 40);
  EXPECT_EQ(appends.TakeUpTo(Offset(2)), 0);
  EXPECT_EQ(appends.TakeUpTo(Offset(3)), 30);
  appends.Add(Offset(9), 50);
  appends.Truncate(Offset(8));
  EXPECT_EQ(appends.TakeUpTo(Offset(100)), 40);
  EXPECT_EQ(appends.TakeUpTo(Offset(100)), 0);
}

TEST(UnreadableAppendsTest, AreBoundedAndLoseNoBytes) {
  UnreadableAppends appends;
  constexpr int kAppends = 3 * static_cast<int>(UnreadableAppends::kMost);
  int64_t taken = 0;
  for (int i = 1; i <= kAppends; ++i) {
    appends.Add(Offset(i), 1);
    if (i % 3 == 0) taken += appends.TakeUpTo(Offset(i / 3));
  }
  EXPECT_GE(taken, kAppends / 4);
  EXPECT_EQ(taken + appends.TakeUpTo(Offset(kAppends)), kAppends);
}

}  // namespace
}  // namespace dohle::replica
