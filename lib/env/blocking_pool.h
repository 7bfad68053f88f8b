// I/O threads for what would stall an event loop: fsync, cold reads, recovery, deletion.
//
//   Status synced = co_await RunBlocking<Status>(pool, [&] { return file->Sync(); });
//
// In simulation the work runs on the simulated executor after a simulated delay.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::env {

class BlockingPool {
 public:
  virtual ~BlockingPool() = default;
  // Runs `work` on one of the pool's threads. Any thread. The order between works is unspecified.
  virtual void Submit(absl::AnyInvocable<void()> work) = 0;
};

template <typename T>
Task<T> RunBlocking(BlockingPool& pool, absl::AnyInvocable<T()> work) {
  auto done = std::make_shared<OneShot<T>>();
  pool.Submit([done, work = std::move(work)]() mutable { done->Set(work()); });
  auto result = co_await done->WaitForever();
  co_return std::move(*result);
}

}  // namespace dohle::env
