#include "lib/env/one_shot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "lib/env/posix/posix_env.h"

namespace dohle::env {
namespace {

using Shot = std::shared_ptr<OneShot<int>>;
using Got = std::optional<int>;

Task<void> WaitFor(Shot shot, absl::Duration timeout, std::promise<Got>* out) {
  Executor* before = Executor::Current();
  const Got got = co_await shot->WaitFor(timeout);
  EXPECT_EQ(Executor::Current(), before);
  out->set_value(got);
}

class OneShotTest : public testing::Test {
 protected:
  OneShotTest() : posix_({.event_loops = 2, .io_threads = 1, .own_process = false}) { posix_.Start(); }
  std::future<Got> Wait(const Shot& shot, absl::Duration timeout) {
    out_ = std::promise<Got>();
    Spawn(*posix_.env().executors[0], WaitFor(shot, timeout, &out_));
    return out_.get_future();
  }
  std::promise<Got> out_;
  PosixEnv posix_;
};

TEST_F(OneShotTest, TheFirstSetCounts) {
  auto shot = std::make_shared<OneShot<int>>();
  EXPECT_FALSE(shot->settled());
  EXPECT_TRUE(shot->Set(1));
  EXPECT_FALSE(shot->Set(2));
  EXPECT_TRUE(shot->settled());
  EXPECT_EQ(Wait(shot, absl::InfiniteDuration()).get(), Got(1));
}

TEST_F(OneShotTest, SetFromAnotherThreadResumesTheWaiterOnItsOwn) {
  for (int i = 0; i < 200; ++i) {
    auto shot = std::make_shared<OneShot<int>>();
    std::future<Got> got = Wait(shot, i % 2 == 0 ? absl::InfiniteDuration() : absl::Hours(1));
    std::thread setter([shot, i] { EXPECT_TRUE(shot->Set(i)); });
    EXPECT_EQ(got.get(), Got(i));
    setter.join();
  }
}

TEST_F(OneShotTest, TimeOutGivesNothing) {
  auto shot = std::make_shared<OneShot<int>>();
  EXPECT_EQ(Wait(shot, absl::Milliseconds(2)).get(), Got());
  EXPECT_FALSE(shot->Set(1));
}

TEST_F(OneShotTest, RaceOfSetAndTimeOutHasOneWinner) {
  int values = 0;
  for (int i = 0; i < 300; ++i) {
    auto shot = std::make_shared<OneShot<int>>();
    const Clock& clock = posix_.env().clock;
    const MonotonicTime moment = clock.Now() + absl::Microseconds(900 + i);  // about when the time-out comes
    std::future<Got> got = Wait(shot, absl::Milliseconds(1));
    std::atomic<bool> won{false};
    std::thread setter([&] {
      while (clock.Now() < moment) {
      }
      won = shot->Set(i);
    });
    const Got result = got.get();
    setter.join();
    EXPECT_EQ(result.has_value(), won.load());
    values += result.has_value() ? 1 : 0;
  }
  std::printf("%d of 300 were set in time\n", values);
}

}  // namespace
}  // namespace dohle::env
