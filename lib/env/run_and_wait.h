// RunAndWait(executor, task): runs a task from a thread that is no executor's, and waits for its result. For
// main() and tests.
#pragma once

#include <future>
#include <utility>

#include "lib/base/check.h"
#include "lib/env/executor.h"
#include "lib/env/task.h"

namespace dohle::env {

template <typename T>
T RunAndWait(Executor& executor, Task<T> task) {
  DOHLE_CHECK(Executor::Current() == nullptr);  // an executor that waits for itself waits for ever
  std::promise<T> done;
  const auto run = [](Task<T> inner, std::promise<T>* out) -> Task<void> {
    out->set_value(co_await std::move(inner));
  };
  Spawn(executor, run(std::move(task), &done));
  return done.get_future().get();
}

inline void RunAndWait(Executor& executor, Task<void> task) {
  const auto run = [](Task<void> inner) -> Task<bool> {
    co_await std::move(inner);
    co_return true;
  };
  RunAndWait(executor, run(std::move(task)));
}

}  // namespace dohle::env
