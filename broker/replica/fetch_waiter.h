// One long poll: waits until the partitions that it watches have together become readable by a number of
// bytes.
//
// Shared between the waiting request and the partitions (which hold it weakly). Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::replica {

class FetchWaiter {
 public:
  // `bytes_missing` > 0: what must still become readable.
  explicit FetchWaiter(int64_t bytes_missing)
      : bytes_missing_(bytes_missing), woken_(std::make_shared<env::OneShot<bool>>()) {}

  // More became readable in a watched partition.
  void AddReadable(int64_t bytes) {
    if (bytes_missing_.fetch_sub(bytes, std::memory_order_acq_rel) <= bytes) Wake();
  }
  // Something changed that the request must see at once (leadership, deletion, an error).
  void Wake() { woken_->Set(true); }
  bool woken() const { return woken_->settled(); }

  // Waits, once.
  env::Task<void> WaitFor(absl::Duration timeout) { co_await woken_->WaitFor(timeout); }

 private:
  std::atomic<int64_t> bytes_missing_;
  const std::shared_ptr<env::OneShot<bool>> woken_;
};

// The long polls that watch one partition. Belongs to the partition's lane.
class FetchWaiters {
 public:
  void Add(const std::shared_ptr<FetchWaiter>& waiter);
  // Those that still wait, to be told after the lane has been left.
  std::vector<std::shared_ptr<FetchWaiter>> Live();
  size_t size() const { return waiters_.size(); }  // those that are over included

 private:
  void Prune();

  std::vector<std::weak_ptr<FetchWaiter>> waiters_;
  size_t prune_at_ = 8;  // doubles with the number of live ones, so that pruning costs nothing on average
};

}  // namespace dohle::replica
