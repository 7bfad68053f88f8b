#include "lib/env/sim/sim_executor.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"

namespace dohle::env {

SimExecutor::SimExecutor(SimScheduler& scheduler, const Clock& clock) : scheduler_(scheduler), clock_(clock) {
  scheduler_.Add(this);
}

SimExecutor::~SimExecutor() {
  Kill();
  DropChains();
}

void SimExecutor::Post(absl::AnyInvocable<void()> work) {
  if (!dead_) queue_.push_back(std::move(work));
}

void SimExecutor::Resume(std::coroutine_handle<> coroutine) {
  Post([coroutine] { coroutine.resume(); });
}

TimerId SimExecutor::RunAfter(absl::Duration delay, absl::AnyInvocable<void()> work) {
  if (dead_) return kNoTimer;
  DOHLE_CHECK(Current() == this);
  return timers_.Add(scheduler_.now() + std::max(delay, absl::ZeroDuration()), std::move(work));
}

void SimExecutor::Cancel(TimerId timer) {
  DOHLE_CHECK(Current() == this || dead_);
  timers_.Cancel(timer);
}

void SimExecutor::RunOne(Xoshiro& random) {
  const bool timer_due = timers_.Next() <= scheduler_.now();
  const bool take_timer = timer_due && (queue_.empty() || random.Below(2) == 0);
  absl::AnyInvocable<void()> work;
  if (take_timer) {
    work = timers_.Take();
  } else {
    work = std::move(queue_.front());
    queue_.pop_front();
  }
  SetCurrent(this);
  work();
  work = nullptr;
  SetCurrent(nullptr);
}

void SimExecutor::Kill() {
  if (std::exchange(dead_, true)) return;
  scheduler_.Remove(this);
}

void SimExecutor::DropChains() {
  DestroyChains();
  timers_.Clear();
  std::exchange(queue_, {}).clear();
}

}  // namespace dohle::env
