#include "lib/env/running_tasks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "lib/env/posix/posix_env.h"

namespace dohle::env {
namespace {

Task<void> WorkUntil(std::shared_ptr<OneShot<bool>> end, std::atomic<int>* ended, RunningTasks::Hold) {
  (void)co_await end->WaitForever();
  ++*ended;
}

Task<void> WaitForNone(RunningTasks* tasks, std::atomic<int>* ended, std::promise<int>* seen) {
  co_await tasks->WaitForNone();
  seen->set_value(ended->load());
}

TEST(RunningTasks, WaitsForAllThatHold) {
  RunningTasks tasks;
  std::atomic<int> ended = 0;
  PosixEnv posix({.event_loops = 2, .io_threads = 1, .own_process = false});
  posix.Start();
  const auto& executors = posix.env().executors;
  std::promise<int> none_yet;
  Spawn(*executors[0], WaitForNone(&tasks, &ended, &none_yet));
  EXPECT_EQ(none_yet.get_future().get(), 0) << "nobody holds";

  auto end = std::make_shared<OneShot<bool>>();
  auto other_end = std::make_shared<OneShot<bool>>();
  Spawn(*executors[0], WorkUntil(end, &ended, tasks.Take()));
  Spawn(*executors[1], WorkUntil(other_end, &ended, tasks.Take()));
  std::promise<int> none;
  Spawn(*executors[0], WaitForNone(&tasks, &ended, &none));
  end->Set(true);
  other_end->Set(true);
  EXPECT_EQ(none.get_future().get(), 2);
}

TEST(RunningTasks, ATaskThatNeverBeganHoldsNoMore) {
  RunningTasks tasks;
  std::atomic<int> ended = 0;
  PosixEnv posix({.event_loops = 1, .io_threads = 1, .own_process = false});
  posix.Start();
  {
    const Task<void> dropped = WorkUntil(nullptr, &ended, tasks.Take());
  }
  std::promise<int> none;
  Spawn(*posix.env().executors[0], WaitForNone(&tasks, &ended, &none));
  EXPECT_EQ(none.get_future().get(), 0);
}

}  // namespace
}  // namespace dohle::env
