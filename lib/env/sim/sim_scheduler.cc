#include "lib/env/sim/sim_scheduler.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/env/sim/sim_executor.h"

namespace dohle::env {
namespace {

// So much work at one point of time is a loop that waits for nothing.
constexpr uint64_t kStepsWithoutTime = 20'000'000;
constexpr uint64_t kFnvPrime = 0x100000001b3;

}  // namespace

void SimScheduler::Note(uint64_t word) { trace_ = (trace_ ^ word) * kFnvPrime; }

void SimScheduler::After(absl::Duration delay, absl::AnyInvocable<void()> work) {
  events_.Add(now_ + std::max(delay, absl::ZeroDuration()), std::move(work));
}

void SimScheduler::Remove(SimExecutor* executor) { std::erase(executors_, executor); }

MonotonicTime SimScheduler::NextTime() const {
  MonotonicTime next = events_.Next();
  for (const SimExecutor* executor : executors_)
    next = std::min(next, executor->has_posted() ? now_ : executor->next_timer());
  return std::max(next, now_);
}

bool SimScheduler::Step(MonotonicTime limit) {
  const MonotonicTime next = NextTime();
  if (next == MonotonicTime::Max() || next > limit) return false;
  steps_without_time_ = next == now_ ? steps_without_time_ + 1 : 0;
  DOHLE_CHECK(steps_without_time_ < kStepsWithoutTime);
  now_ = next;
  ready_.clear();
  for (SimExecutor* executor : executors_) {
    if (executor->has_posted() || executor->next_timer() <= now_) ready_.push_back(executor);
  }
  const bool event = events_.Next() <= now_;
  const uint64_t choice = random_.Below(ready_.size() + (event ? 1 : 0));
  Note(static_cast<uint64_t>(now_.nanoseconds()));
  Note(choice);
  if (choice == ready_.size()) {
    events_.Take()();
  } else {
    ready_[choice]->RunOne(random_);
  }
  return true;
}

void SimScheduler::RunUntil(MonotonicTime limit) {
  while (Step(limit)) {
  }
  now_ = std::max(now_, limit);
}

}  // namespace dohle::env
