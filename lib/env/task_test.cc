#include "lib/env/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/env/executor.h"

namespace dohle::env {
namespace {

struct FixedClock : Clock {
  int64_t WallTimeMs() const override { return 0; }
  MonotonicTime Now() const override { return MonotonicTime(); }
};

// The least executor: the test turns it by hand.
class HandExecutor : public Executor {
 public:
  ~HandExecutor() override { End(); }
  void Post(absl::AnyInvocable<void()> work) override {
    if (!ended_) queue_.push_back(std::move(work));
  }
  void Resume(std::coroutine_handle<> coroutine) override {
    Post([coroutine] { coroutine.resume(); });
  }
  TimerId RunAfter(absl::Duration /*delay*/, absl::AnyInvocable<void()> /*work*/) override {
    return kNoTimer;
  }
  void Cancel(TimerId /*timer*/) override {}
  const Clock& clock() const override { return clock_; }

  void RunAll() {
    SetCurrent(this);
    while (!queue_.empty()) {
      auto work = std::move(queue_.front());
      queue_.erase(queue_.begin());
      work();
    }
    SetCurrent(nullptr);
  }
  void End() {
    ended_ = true;
    queue_.clear();
    DestroyChains();
  }

 private:
  FixedClock clock_;
  std::vector<absl::AnyInvocable<void()>> queue_;
  bool ended_ = false;
};

struct Suspend {
  std::coroutine_handle<>* where;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) const { *where = caller; }
  void await_resume() const noexcept {}
};

Task<int> Add(int a, int b) { co_return a + b; }
Task<std::unique_ptr<int>> Boxed(int value) { co_return std::make_unique<int>(value); }
Task<void> Compute(int* out) {
  const int sum = co_await Add(2, 3);
  const std::unique_ptr<int> boxed = co_await Boxed(sum);
  *out = *boxed;
}

TEST(Task, DoesNotStartBeforeItIsAwaited) {
  int out = 0;
  {
    const Task<void> task = Compute(&out);
  }
  EXPECT_EQ(out, 0);
}

TEST(Task, SpawnFromOutsideIsPosted) {
  HandExecutor executor;
  int out = 0;
  Spawn(executor, Compute(&out));
  EXPECT_EQ(out, 0);
  executor.RunAll();
  EXPECT_EQ(out, 5);
}

TEST(Task, SpawnOnTheOwnThreadBeginsAtOnce) {
  HandExecutor executor;
  int out = 0;
  bool before_return = false;
  executor.Post([&] {
    Spawn(executor, Compute(&out));
    before_return = out == 5;
  });
  executor.RunAll();
  EXPECT_TRUE(before_return);
}

Task<void> CountDown(int n, int64_t* sum) {
  for (int i = 0; i < n; ++i) *sum += co_await Add(i, 1);
}

TEST(Task, LongLoopsOfTasksThatDoNotWaitDoNotGrowTheStack) {
  HandExecutor executor;
  int64_t sum = 0;
  constexpr int kMany = 1'000'000;
  Spawn(executor, CountDown(kMany, &sum));
  executor.RunAll();
  EXPECT_EQ(sum, int64_t{kMany} * (kMany + 1) / 2);
}

struct Noted {
  Noted(std::vector<std::string>* to, std::string what) : log(to), name(std::move(what)) {}
  Noted(Noted&& other) noexcept : log(std::exchange(other.log, nullptr)), name(std::move(other.name)) {}
  ~Noted() {
    if (log != nullptr) log->push_back(name);
  }
  std::vector<std::string>* log;
  std::string name;
};

Task<void> Inner(std::coroutine_handle<>* where, Noted parameter) {
  const Noted local(parameter.log, "inner local");
  co_await Suspend{where};
  parameter.name = "not destroyed where it waits";
}
Task<void> Outer(std::coroutine_handle<>* where, std::vector<std::string>* log) {
  const Noted local(log, "outer local");
  Noted argument(log, "inner parameter");
  co_await Inner(where, std::move(argument));
  log->push_back("resumed");
}

TEST(Task, FramesThatStillWaitAreDestroyedWithTheExecutor) {
  std::vector<std::string> log;
  std::coroutine_handle<> where;
  {
    HandExecutor executor;
    Spawn(executor, Outer(&where, &log));
    executor.RunAll();
    EXPECT_TRUE(log.empty());
  }
  EXPECT_EQ(log, (std::vector<std::string>{"inner local", "inner parameter", "outer local"}));
}

TEST(Task, FramesThatNeverStartedAreDestroyedWithTheExecutor) {
  std::vector<std::string> log;
  std::coroutine_handle<> where;
  {
    HandExecutor executor;
    Noted argument(&log, "parameter");
    Spawn(executor, Inner(&where, std::move(argument)));
  }
  EXPECT_EQ(log, (std::vector<std::string>{"parameter"}));
}

TEST(Task, SpawnOnAnEndedExecutorDestroysTheTask) {
  std::vector<std::string> log;
  std::coroutine_handle<> where;
  HandExecutor executor;
  executor.End();
  Noted argument(&log, "parameter");
  Spawn(executor, Inner(&where, std::move(argument)));
  EXPECT_EQ(log, (std::vector<std::string>{"parameter"}));
}

TEST(Task, AChainThatEndedIsNotDestroyedAgain) {
  HandExecutor executor;
  int out = 0;
  std::vector<std::string> log;
  std::coroutine_handle<> where;
  Spawn(executor, Outer(&where, &log));
  Spawn(executor, Compute(&out));
  executor.RunAll();
  executor.Resume(where);
  executor.RunAll();
  EXPECT_EQ(log.size(), 4u);
}

}  // namespace
}  // namespace dohle::env
