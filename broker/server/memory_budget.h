// A number of bytes that all request buffers together may take. Who asks for more than is left waits until
// others have given back; a single frame larger than everything is let through alone, so that nothing waits
// for ever.
//
// Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::server {

class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t total_bytes) : total_(total_bytes) {}

  // Takes `bytes`, waiting for them if it must. FIFO.
  env::Task<void> Take(uint64_t bytes);
  // The same without waiting; false if it would have to.
  bool TryTake(uint64_t bytes);
  void GiveBack(uint64_t bytes);

  uint64_t used() const;
  size_t waiting() const;  // who wait

 private:
  struct Waiter {
    uint64_t bytes;
    std::shared_ptr<env::OneShot<bool>> granted;
  };
  bool Fits(uint64_t bytes) const { return used_ == 0 || used_ + bytes <= total_; }

  const uint64_t total_;
  mutable std::mutex mutex_;
  uint64_t used_ = 0;
  std::deque<Waiter> waiters_;
};

}  // namespace dohle::server
