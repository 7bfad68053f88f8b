#include "broker/replica/fetch_waiter.h"

#include <gtest/gtest.h>

namespace dohle::replica {
namespace {

TEST(FetchWaiterTest, WakesWhenEnoughHasBecomeReadable) {
  FetchWaiter waiter(100);
  waiter.AddReadable(60);
  EXPECT_FALSE(waiter.woken());
  waiter.AddReadable(40);
  EXPECT_TRUE(waiter.woken());
}

TEST(FetchWaiterTest, WakesAtOnceWhenToldTo) {
  FetchWaiter waiter(100);
  waiter.Wake();
  EXPECT_TRUE(waiter.woken());
}

TEST(FetchWaitersTest, KeepsOnlyWhoStillWaits) {
  FetchWaiters waiters;
  auto waiting = std::make_shared<FetchWaiter>(1);
  auto woken = std::make_shared<FetchWaiter>(1);
  waiters.Add(waiting);
  waiters.Add(woken);
  waiters.Add(std::make_shared<FetchWaiter>(1));  // gone at once
  woken->Wake();
  EXPECT_EQ(waiters.Live(), std::vector{waiting});
}

// A consumer that polls an idle partition for days leaves nothing behind.
TEST(FetchWaitersTest, DoesNotGrowWithPollsThatAreOver) {
  FetchWaiters waiters;
  std::vector<std::shared_ptr<FetchWaiter>> live;
  for (int i = 0; i < 3; ++i) {
    live.push_back(std::make_shared<FetchWaiter>(1));
    waiters.Add(live.back());
  }
  for (int i = 0; i < 100'000; ++i) {
    waiters.Add(std::make_shared<FetchWaiter>(1));
    ASSERT_LT(waiters.size(), 20U);
  }
  EXPECT_EQ(waiters.Live(), live);
}

}  // namespace
}  // namespace dohle::replica
