// StopSignal: what a periodic coroutine waits on, so that stopping needn't wait for its next turn.
//
//   while (!co_await stop.SleepFor(interval)) { ... }
//
// Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "absl/time/time.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::env {

class StopSignal {
 public:
  // True: stopped, at once or while waiting. False: the time has passed.
  Task<bool> SleepFor(absl::Duration duration);
  // Wakes everybody, now and in future. Idempotent.
  void Stop();
  bool stopped() const;

 private:
  mutable std::mutex mutex_;
  bool stopped_ = false;
  std::vector<std::weak_ptr<OneShot<bool>>> sleepers_;
};

}  // namespace dohle::env
