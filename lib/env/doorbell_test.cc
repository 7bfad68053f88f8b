#include "lib/env/doorbell.h"

#include <gtest/gtest.h>

#include <future>

#include "lib/env/posix/posix_env.h"

namespace dohle::env {
namespace {

Task<void> Hear(Doorbell* bell, absl::Duration timeout, int times, std::promise<void>* done) {
  for (int i = 0; i < times; ++i) co_await bell->WaitFor(timeout);
  done->set_value();
}

class DoorbellTest : public testing::Test {
 protected:
  DoorbellTest() : posix_({.event_loops = 1, .io_threads = 1, .own_process = false}) { posix_.Start(); }
  void Start(absl::Duration timeout, int times = 1) {
    Spawn(*posix_.env().executors[0], Hear(&bell_, timeout, times, &done_));
  }
  bool Ended(std::chrono::seconds limit) {
    return done_.get_future().wait_for(limit) == std::future_status::ready;
  }
  Doorbell bell_;
  std::promise<void> done_;
  PosixEnv posix_;
};

TEST_F(DoorbellTest, ARingBeforeTheWaitIsHeard) {
  bell_.Ring();
  bell_.Ring();
  Start(absl::InfiniteDuration());
  EXPECT_TRUE(Ended(std::chrono::seconds(10)));
}

TEST_F(DoorbellTest, ARingEndsTheWait) {
  Start(absl::InfiniteDuration());
  bell_.Ring();
  EXPECT_TRUE(Ended(std::chrono::seconds(10)));
}

TEST_F(DoorbellTest, TheWaitEndsByTimeAsWell) {
  Start(absl::Milliseconds(1), 3);
  EXPECT_TRUE(Ended(std::chrono::seconds(10)));
}

}  // namespace
}  // namespace dohle::env
