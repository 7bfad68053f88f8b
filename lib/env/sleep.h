// co_await Sleep(duration): goes on after that time, on the executor of the caller.
#pragma once

#include <coroutine>

#include "lib/env/executor.h"
#include "lib/env/task.h"

namespace dohle::env {

class Sleep {
 public:
  explicit Sleep(absl::Duration duration) : duration_(duration) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> caller) {
    caller.promise().context->executor->RunAfter(duration_, [caller] { caller.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  absl::Duration duration_;
};

}  // namespace dohle::env
