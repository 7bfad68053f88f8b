// OneShot<T>: a value that one coroutine waits for and anybody sets, once. The waiter is resumed on its own
// executor.
//
//   auto done = std::make_shared<OneShot<int>>();
//   ... somewhere: done->Set(5);                       // the first Set counts; later ones do nothing
//   std::optional<int> got = co_await done->WaitFor(absl::Milliseconds(500));   // nothing: it took too long
//
// Any thread may call Set; one coroutine may wait, once. Both sides hold it by shared_ptr.
#pragma once

#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/env/executor.h"
#include "lib/env/task.h"

namespace dohle::env {

template <typename T>
class OneShot : public std::enable_shared_from_this<OneShot<T>> {
 public:
  // True if this was the first and nobody had given up waiting.
  bool Set(T value) {
    std::coroutine_handle<> waiter;
    Executor* executor = nullptr;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (settled_) return false;
      settled_ = true;
      value_.emplace(std::move(value));
      waiter = std::exchange(waiter_, nullptr);
      executor = executor_;
    }
    if (waiter) executor->Resume(waiter);
    return true;
  }

  bool settled() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return settled_;
  }

  class Wait {
   public:
    Wait(std::shared_ptr<OneShot> shared, absl::Duration timeout)
        : shared_(std::move(shared)), timeout_(timeout) {}
    bool await_ready() const noexcept { return shared_->settled(); }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> caller) {
      executor_ = caller.promise().context->executor;
      if (timeout_ != absl::InfiniteDuration()) {
        timer_ = executor_->RunAfter(timeout_, [shared = shared_] { shared->GiveUp(); });
      }
      return shared_->Await(executor_, caller);
    }
    std::optional<T> await_resume() {
      if (timer_ != kNoTimer) executor_->Cancel(timer_);
      return shared_->Take();
    }

   private:
    std::shared_ptr<OneShot> shared_;
    absl::Duration timeout_;
    Executor* executor_ = nullptr;
    TimerId timer_ = kNoTimer;
  };

  Wait WaitFor(absl::Duration timeout) { return Wait(this->shared_from_this(), timeout); }
  Wait WaitForever() { return WaitFor(absl::InfiniteDuration()); }

 private:
  friend class Wait;

  bool Await(Executor* executor, std::coroutine_handle<> waiter) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (settled_) return false;
    DOHLE_CHECK(!waiter_);  // a second waiter would be forgotten
    executor_ = executor;
    waiter_ = waiter;
    return true;
  }
  void GiveUp() {
    std::coroutine_handle<> waiter;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (settled_) return;
      settled_ = true;
      waiter = std::exchange(waiter_, nullptr);
    }
    if (waiter) waiter.resume();
  }
  std::optional<T> Take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::move(value_);
  }

  mutable std::mutex mutex_;
  bool settled_ = false;
  std::optional<T> value_;
  Executor* executor_ = nullptr;
  std::coroutine_handle<> waiter_;
};

}  // namespace dohle::env
