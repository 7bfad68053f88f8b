#include "broker/server/memory_budget.h"

#include <utility>
#include <vector>

namespace dohle::server {

bool MemoryBudget::TryTake(uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!waiters_.empty() || !Fits(bytes)) return false;
  used_ += bytes;
  return true;
}

env::Task<void> MemoryBudget::Take(uint64_t bytes) {
  auto granted = std::make_shared<env::OneShot<bool>>();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiters_.empty() && Fits(bytes)) {
      used_ += bytes;
      co_return;
    }
    waiters_.push_back(Waiter{bytes, granted});
  }
  co_await granted->WaitForever();
}

void MemoryBudget::GiveBack(uint64_t bytes) {
  std::vector<std::shared_ptr<env::OneShot<bool>>> granted;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    used_ -= bytes;
    while (!waiters_.empty() && Fits(waiters_.front().bytes)) {
      used_ += waiters_.front().bytes;
      granted.push_back(std::move(waiters_.front().granted));
      waiters_.pop_front();
    }
  }
  for (const auto& one : granted) one->Set(true);
}

size_t MemoryBudget::waiting() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return waiters_.size();
}

uint64_t MemoryBudget::used() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return used_;
}

}  // namespace dohle::server
