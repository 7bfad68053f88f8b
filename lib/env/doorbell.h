// Doorbell: what a coroutine waits on that has something to do now and then. A ring that comes while nobody
// waits is heard by the next wait.
//
//   for (;;) { ... co_await bell.WaitFor(absl::Seconds(1)); }      // elsewhere: bell.Ring()
//
// Any thread rings; one coroutine at a time waits.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "absl/time/time.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::env {

class Doorbell {
 public:
  void Ring() {
    std::shared_ptr<OneShot<bool>> waiter;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      rung_ = true;
      waiter = std::exchange(waiter_, nullptr);
    }
    if (waiter != nullptr) waiter->Set(true);
  }

  // Returns when it was rung since the last wait ended, or after `timeout`.
  Task<void> WaitFor(absl::Duration timeout) {
    auto waiter = std::make_shared<OneShot<bool>>();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (std::exchange(rung_, false)) co_return;
      waiter_ = waiter;
    }
    (void)co_await waiter->WaitFor(timeout);
    const std::lock_guard<std::mutex> lock(mutex_);
    rung_ = false;
    waiter_ = nullptr;
  }

 private:
  std::mutex mutex_;
  bool rung_ = false;
  std::shared_ptr<OneShot<bool>> waiter_;
};

}  // namespace dohle::env
