#include "lib/env/posix/posix_env.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <future>
#include <set>
#include <thread>
#include <vector>

#include "lib/env/one_shot.h"
#include "lib/env/sleep.h"

namespace dohle::env {
namespace {

PosixEnv::Options Small(int loops = 2) {
  return {.event_loops = loops, .io_threads = 2, .own_process = false};
}

TEST(PosixEnv, PostsFromOutsideRunInOrderOnTheLoopsThread) {
  PosixEnv posix(Small());
  posix.Start();
  Executor* executor = posix.env().executors[1];
  std::vector<int> order;
  std::promise<void> done;
  for (int i = 0; i < 1000; ++i) {
    executor->Post([&, i] {
      EXPECT_EQ(Executor::Current(), executor);
      order.push_back(i);
      if (i == 999) done.set_value();
    });
  }
  done.get_future().wait();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(PosixEnv, TimersRunInOrderAndNotBeforeTheirTime) {
  PosixEnv posix(Small(1));
  posix.Start();
  Executor* executor = posix.env().executors[0];
  const Clock& clock = posix.env().clock;
  std::vector<int> order;
  std::promise<absl::Duration> done;
  executor->Post([&] {
    const MonotonicTime begun = clock.Now();
    executor->RunAfter(absl::Milliseconds(20), [&, begun] {
      order.push_back(3);
      done.set_value(clock.Now() - begun);
    });
    executor->RunAfter(absl::Milliseconds(5), [&] { order.push_back(2); });
    executor->RunAfter(absl::ZeroDuration(), [&] { order.push_back(1); });
    const TimerId cancelled = executor->RunAfter(absl::Milliseconds(1), [&] { order.push_back(-1); });
    executor->Cancel(cancelled);
    executor->RunAfter(absl::InfiniteDuration(), [&] { order.push_back(-2); });
  });
  EXPECT_GE(done.get_future().get(), absl::Milliseconds(20));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

Task<void> SleepThen(absl::Duration delay, std::promise<void>* done) {
  co_await Sleep(delay);
  done->set_value();
}

TEST(PosixEnv, SleepGoesOn) {
  PosixEnv posix(Small(1));
  posix.Start();
  std::promise<void> done;
  Spawn(*posix.env().executors[0], SleepThen(absl::Milliseconds(1), &done));
  done.get_future().wait();
}

Task<void> RunOnPool(BlockingPool* pool, std::promise<bool>* elsewhere) {
  const std::thread::id here = std::this_thread::get_id();
  const std::thread::id there =
      co_await RunBlocking<std::thread::id>(*pool, [] { return std::this_thread::get_id(); });
  elsewhere->set_value(there != here && std::this_thread::get_id() == here);
}

TEST(PosixEnv, BlockingWorkRunsElsewhereAndComesBack) {
  PosixEnv posix(Small(1));
  posix.Start();
  for (int i = 0; i < 20; ++i) {
    std::promise<bool> elsewhere;
    Spawn(*posix.env().executors[0], RunOnPool(&posix.env().blocking_pool, &elsewhere));
    EXPECT_TRUE(elsewhere.get_future().get());
  }
}

TEST(PosixEnv, PoolUsesSeveralThreads) {
  PosixEnv posix(Small(1));
  posix.Start();
  std::promise<void> first;
  std::promise<void> both;
  posix.env().blocking_pool.Submit([&] {
    first.get_future().wait();
    both.set_value();
  });
  posix.env().blocking_pool.Submit([&] { first.set_value(); });
  both.get_future().wait();
}

TEST(PosixEnv, StopDestroysWhatStillWaits) {
  auto owned = std::make_shared<int>(1);
  {
    PosixEnv posix(Small());
    posix.Start();
    std::promise<void> ready;
    auto wait = [](std::shared_ptr<int> /*kept*/, std::promise<void>* begun) -> Task<void> {
      begun->set_value();
      co_await Sleep(absl::Hours(1));
    };
    Spawn(*posix.env().executors[1], wait(owned, &ready));
    ready.get_future().wait();
    EXPECT_EQ(owned.use_count(), 2);
    posix.Stop();
    EXPECT_EQ(owned.use_count(), 1);
    posix.env().executors[0]->Post([owned] {});
    posix.env().blocking_pool.Submit([owned] {});
    EXPECT_EQ(owned.use_count(), 1);
  }
}

TEST(PosixEnv, RandomDiffersBetweenThreads) {
  PosixEnv posix(Small(1));
  std::set<uint64_t> seen;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const uint64_t value = posix.env().random.Next();
        const std::lock_guard<std::mutex> lock(mutex);
        seen.insert(value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), 400u);
}

TEST(PosixEnv, ClockAgreesWithTheSystem) {
  PosixEnv posix(Small(1));
  const int64_t now_ms = absl::ToUnixMillis(absl::Now());
  EXPECT_NEAR(static_cast<double>(posix.env().clock.WallTimeMs()), static_cast<double>(now_ms), 2000);
  const MonotonicTime before = posix.env().clock.Now();
  EXPECT_LE(before, posix.env().clock.Now());
}

// In a process of its own: it changes the signal mask.
TEST(PosixEnvDeathTest, TerminationIsWaitedFor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        PosixEnv posix({.event_loops = 1, .io_threads = 1});
        posix.Start();
        posix.env().executors[0]->Post([&] { posix.RequestTermination(); });
        const int signal = posix.WaitForTermination();
        posix.Stop();
        std::_Exit(signal == SIGTERM ? 7 : 1);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace dohle::env
