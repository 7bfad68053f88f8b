// The heart of a simulation: virtual time, and which piece of work runs next. Everything runs on the thread
// that calls Step; where the order is free (between executors, between a timer that is due and posted work)
// it is drawn from the seed, so that a seed stands for one run. Time stands still while there is work and
// then jumps to the next timer.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "lib/env/clock.h"
#include "lib/env/timer_queue.h"
#include "lib/env/xoshiro.h"

namespace dohle::env {

class SimExecutor;

class SimScheduler {
 public:
  explicit SimScheduler(uint64_t seed) : random_(seed) {}
  SimScheduler(const SimScheduler&) = delete;

  MonotonicTime now() const { return now_; }
  // Runs `work` outside of every executor after `delay`.
  void After(absl::Duration delay, absl::AnyInvocable<void()> work);

  // Executors come and go with the nodes; they are served as long as they are listed.
  void Add(SimExecutor* executor) { executors_.push_back(executor); }
  void Remove(SimExecutor* executor);

  // Runs one piece of work, after moving time if nothing is ready. False: nothing is left to come by `limit`.
  bool Step(MonotonicTime limit);
  // Steps until nothing comes by `limit`; then it is `limit`.
  void RunUntil(MonotonicTime limit);

  // Whether anything is left to come.
  bool Pending() const { return NextTime() != MonotonicTime::Max(); }

  // A fingerprint of what ran, in which order and when.
  uint64_t trace() const { return trace_; }
  Xoshiro& random() { return random_; }
  void Clear() { events_.Clear(); }

 private:
  MonotonicTime NextTime() const;
  void Note(uint64_t word);

  Xoshiro random_;
  MonotonicTime now_;
  TimerQueue events_;
  std::vector<SimExecutor*> executors_;
  std::vector<SimExecutor*> ready_;  // scratch
  uint64_t steps_without_time_ = 0;
  uint64_t trace_ = 0xcbf29ce484222325;
};

}  // namespace dohle::env
