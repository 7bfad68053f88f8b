// The executor: one event loop on one thread. A connection and the coroutines that serve it stay on their
// executor. The second half of the first seam: who waits for a time waits here.
#pragma once

#include <coroutine>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "lib/env/clock.h"

namespace dohle::env {

using TimerId = uint64_t;
inline constexpr TimerId kNoTimer = 0;

// What Spawn() started and has not ended yet; a link of its executor's list. Destroying the frame unlinks it.
class Chain {
 public:
  Chain() = default;
  Chain(const Chain&) = delete;
  ~Chain() { Unlink(); }

 private:
  friend class Executor;
  void Unlink();

  Chain* previous_ = nullptr;
  Chain* next_ = nullptr;
  std::coroutine_handle<> root_;
};

class Executor {
 public:
  virtual ~Executor();

  // Runs `work` on this executor's thread, later, in the order posted. Any thread.
  virtual void Post(absl::AnyInvocable<void()> work) = 0;
  // Resumes `coroutine` there. Any thread.
  virtual void Resume(std::coroutine_handle<> coroutine) = 0;

  // Runs `work` on this executor no earlier than after `delay`. This executor's thread only.
  virtual TimerId RunAfter(absl::Duration delay, absl::AnyInvocable<void()> work) = 0;
  // Forgets a timer that has not run yet; a no-op for one that has. This executor's thread only.
  virtual void Cancel(TimerId timer) = 0;

  virtual const Clock& clock() const = 0;
  // Processor time that its thread has taken so far; zero if that is unknown. Any thread.
  virtual absl::Duration BusyTime() const { return absl::ZeroDuration(); }

  // The executor whose thread this is; null on other threads.
  static Executor* Current();

  // For Spawn(): `chain` has begun here. This executor's thread only.
  void Adopt(Chain& chain, std::coroutine_handle<> root);

 protected:
  Executor() = default;
  // Called by implementations when their loop enters and leaves a thread.
  static void SetCurrent(Executor* executor);

  // Destroys the frames of every chain that has not ended, the youngest first, and with them what they own.
  // An implementation calls it once its loop has stopped for good and its queue and timers are dropped; from
  // then on everything that is posted here is dropped.
  void DestroyChains();

 private:
  Chain chains_;  // the head of the list
};

}  // namespace dohle::env
