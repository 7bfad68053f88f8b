// RunningTasks: counts the coroutines that use an object, so that its end can wait for theirs.
//
//   Task<void> Thing::Loop(RunningTasks::Hold) { ... }          // a parameter: it outlives all locals
//   ... Spawn(executor, Loop(running_.Take())); ...             // counts from here on
//   ... co_await running_.WaitForNone(); ...                    // then the object may be destroyed
//
// Any thread; one coroutine waits.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::env {

class RunningTasks {
 public:
  class [[nodiscard]] Hold {
   public:
    Hold(Hold&& other) noexcept : tasks_(std::exchange(other.tasks_, nullptr)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (tasks_ != nullptr) tasks_->Remove();
    }

   private:
    friend class RunningTasks;
    explicit Hold(RunningTasks* tasks) : tasks_(tasks) {}
    RunningTasks* tasks_;
  };

  Hold Take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++count_;
    return Hold(this);
  }

  Task<void> WaitForNone() {
    auto none = std::make_shared<OneShot<bool>>();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (count_ == 0) co_return;
      none_ = none;
    }
    (void)co_await none->WaitForever();
  }

 private:
  void Remove() {
    std::shared_ptr<OneShot<bool>> none;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--count_ > 0) return;
      none = none_;
    }
    if (none != nullptr) none->Set(true);
  }

  std::mutex mutex_;
  int count_ = 0;
  std::shared_ptr<OneShot<bool>> none_;
};

}  // namespace dohle::env
