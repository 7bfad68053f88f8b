#include "broker/replica/fetch_waiter.h"

#include <algorithm>

namespace dohle::replica {

void FetchWaiters::Prune() {
  std::erase_if(waiters_, [](const std::weak_ptr<FetchWaiter>& weak) {
    const auto waiter = weak.lock();
    return waiter == nullptr || waiter->woken();
  });
  if (waiters_.empty()) waiters_.shrink_to_fit();
  prune_at_ = std::max<size_t>(8, waiters_.size() * 2);
}

void FetchWaiters::Add(const std::shared_ptr<FetchWaiter>& waiter) {
  if (waiters_.size() >= prune_at_) Prune();
  waiters_.push_back(waiter);
}

std::vector<std::shared_ptr<FetchWaiter>> FetchWaiters::Live() {
  std::vector<std::shared_ptr<FetchWaiter>> live;
  if (waiters_.empty()) return live;
  Prune();
  live.reserve(waiters_.size());
  for (const auto& weak : waiters_) {
    if (auto waiter = weak.lock()) live.push_back(std::move(waiter));
  }
  return live;
}

}  // namespace dohle::replica
