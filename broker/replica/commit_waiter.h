// Who waits until a partition's records up to an offset are committed.
//
// CommitWaiters belongs to the partition's lane; a waiter is told outside of it, from any thread, and wakes
// on its own executor.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "lib/base/ids.h"
#include "lib/env/one_shot.h"

namespace dohle::replica {

enum class CommitOutcome : uint8_t {
  kCommitted,
  kNotEnoughReplicas,  // committed, by fewer replicas than min.insync.replicas
  kLost,               // this broker doesn't lead any more, or the log is gone
};

struct CommitWaiter {
  Offset end;  // exclusive
  std::shared_ptr<env::OneShot<CommitOutcome>> told = std::make_shared<env::OneShot<CommitOutcome>>();
};

class CommitWaiters {
 public:
  bool empty() const { return waiters_.empty(); }
  // In the order of their ends; nearly always at the back.
  void Add(CommitWaiter waiter) {
    const auto place = std::upper_bound(waiters_.begin(), waiters_.end(), waiter.end,
                                        [](Offset end, const CommitWaiter& one) { return end < one.end; });
    waiters_.insert(place, std::move(waiter));
  }
  // It has given up.
  void Remove(const CommitWaiter& waiter) {
    std::erase_if(waiters_, [&](const CommitWaiter& one) { return one.told == waiter.told; });
  }
  // Those that wait for nothing past `end`; they leave.
  std::vector<CommitWaiter> TakeUpTo(Offset end) {
    std::vector<CommitWaiter> done;
    for (; !waiters_.empty() && waiters_.front().end <= end; waiters_.pop_front()) {
      done.push_back(std::move(waiters_.front()));
    }
    return done;
  }
  std::vector<CommitWaiter> TakeAll() {
    std::vector<CommitWaiter> all(std::make_move_iterator(waiters_.begin()),
                                  std::make_move_iterator(waiters_.end()));
    waiters_.clear();
    return all;
  }

 private:
  std::deque<CommitWaiter> waiters_;
};

}  // namespace dohle::replica
