// An executor of a simulated node; SimScheduler runs it.
#pragma once

#include <deque>

#include "lib/env/executor.h"
#include "lib/env/sim/sim_scheduler.h"

namespace dohle::env {

class SimExecutor : public Executor {
 public:
  SimExecutor(SimScheduler& scheduler, const Clock& clock);
  ~SimExecutor() override;

  void Post(absl::AnyInvocable<void()> work) override;
  void Resume(std::coroutine_handle<> coroutine) override;
  TimerId RunAfter(absl::Duration delay, absl::AnyInvocable<void()> work) override;
  void Cancel(TimerId timer) override;
  const Clock& clock() const override { return clock_; }

  bool has_posted() const { return !queue_.empty(); }
  MonotonicTime next_timer() const { return timers_.Next(); }
  // One of what is ready: the next posted or the next timer that is due.
  void RunOne(Xoshiro& random);

  // The node has crashed: nothing runs here any more, and what comes is dropped. Kill, on every executor of
  // the node, then DropChains.
  void Kill();
  void DropChains();
  bool dead() const { return dead_; }

 private:
  SimScheduler& scheduler_;
  const Clock& clock_;
  std::deque<absl::AnyInvocable<void()>> queue_;
  TimerQueue timers_;
  bool dead_ = false;
};

}  // namespace dohle::env
