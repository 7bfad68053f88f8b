#include "lib/env/lane.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "lib/env/posix/posix_env.h"
#include "lib/env/sleep.h"

namespace dohle::env {
namespace {

PosixEnv::Options Two() { return {.event_loops = 2, .io_threads = 1, .own_process = false}; }

Task<void> HoldAndNote(Lane* lane, std::vector<int>* order, int name, std::promise<void>* last) {
  const LaneGuard guard = co_await lane->Enter();
  order->push_back(name);
  co_await Sleep(absl::Milliseconds(1));
  if (last != nullptr) last->set_value();
}

TEST(Lane, LetsInOneByOneInTheOrderOfComing) {
  PosixEnv posix(Two());
  Lane lane;
  std::vector<int> order;
  std::promise<void> last;
  posix.Start();
  posix.env().executors[0]->Post([&] {
    for (int i = 0; i < 10; ++i)
      Spawn(*posix.env().executors[0], HoldAndNote(&lane, &order, i, i == 9 ? &last : nullptr));
  });
  last.get_future().wait();
  posix.Stop();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

struct Shared {
  Lane lane;
  int64_t unguarded = 0;  // the lane is what guards it: the thread sanitizer watches
  std::atomic<int> left{0};
  std::promise<void> done;
};

Task<void> Increment(Shared* shared, Executor* here, int times) {
  for (int i = 0; i < times; ++i) {
    LaneGuard guard = co_await shared->lane.Enter();
    EXPECT_EQ(Executor::Current(), here);
    const int64_t before = shared->unguarded;
    if (i % 16 == 0) co_await Sleep(absl::ZeroDuration());
    shared->unguarded = before + 1;
    guard.Leave();
  }
  if (shared->left.fetch_sub(1) == 1) shared->done.set_value();
}

TEST(Lane, IsOneAtATimeForTwoThreads) {
  PosixEnv posix(Two());
  Shared shared;
  constexpr int kEach = 4;
  constexpr int kTimes = 2000;
  shared.left = 2 * kEach;
  posix.Start();
  for (int i = 0; i < 2 * kEach; ++i) {
    Executor* executor = posix.env().executors[static_cast<size_t>(i % 2)];
    Spawn(*executor, Increment(&shared, executor, kTimes));
  }
  shared.done.get_future().wait();
  posix.Stop();
  EXPECT_EQ(shared.unguarded, 2 * kEach * kTimes);
}

Task<void> HoldForLong(Lane* lane, std::promise<void>* begun) {
  begun->set_value();
  const LaneGuard guard = co_await lane->Enter();
  co_await Sleep(absl::Hours(1));
}

TEST(Lane, IsFreeAgainWhenThoseInsideAndWaitingAreDestroyed) {
  Lane lane;  // checks on its own that nobody is left inside
  PosixEnv posix(Two());
  posix.Start();
  for (int i = 0; i < 6; ++i) {
    std::promise<void> begun;
    Spawn(*posix.env().executors[static_cast<size_t>(i % 2)], HoldForLong(&lane, &begun));
    begun.get_future().wait();
  }
  posix.Stop();
}

Task<void> EnterTwo(Lane* first, Lane* second) {
  const LaneGuard outer = co_await first->Enter();
  const LaneGuard inner = co_await second->Enter();
}

TEST(LaneDeathTest, EnteringFromInsideAnotherIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        PosixEnv posix(Two());
        Lane first;
        Lane second;
        posix.Start();
        Spawn(*posix.env().executors[0], EnterTwo(&first, &second));
        std::promise<void>().get_future().wait();
      },
      "context_->lane == nullptr");
}

Task<void> EnterAgain(Lane* first, Lane* second, std::promise<void>* done) {
  {
    LaneGuard guard = co_await first->Enter();
    guard.Leave();
    guard.Leave();
  }
  {
    const LaneGuard guard = co_await second->Enter();
  }
  done->set_value();
}

TEST(Lane, OneAfterTheOtherIsFine) {
  PosixEnv posix(Two());
  Lane first;
  Lane second;
  std::promise<void> done;
  posix.Start();
  Spawn(*posix.env().executors[0], EnterAgain(&first, &second, &done));
  done.get_future().wait();
}

}  // namespace
}  // namespace dohle::env
