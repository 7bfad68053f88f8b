#include "operator/runtime/work_queue.h"

#include <utility>

namespace dohle::runtime {

WorkQueue::WorkQueue(env::Executor& executor, env::Random& random, BackOffLimits limits)
    : executor_(executor), random_(random), limits_(limits) {}

WorkQueue::~WorkQueue() {
  for (const auto& [name, timer] : timers_) executor_.Cancel(timer.id);
}

void WorkQueue::Add(const Name& name) {
  if (stopped_ || !waiting_.insert(name).second) return;
  if (working_.contains(name)) return;  // Done puts it into the queue
  ready_.push_back({name, executor_.clock().Now()});
  WakeOne();
}

void WorkQueue::AddAfter(const Name& name, absl::Duration delay) {
  if (stopped_) return;
  if (delay <= absl::ZeroDuration()) return Add(name);
  const env::MonotonicTime due = executor_.clock().Now() + delay;
  if (const auto it = timers_.find(name); it != timers_.end()) {
    if (it->second.due <= due) return;
    executor_.Cancel(it->second.id);
    timers_.erase(it);
  }
  const env::TimerId id = executor_.RunAfter(delay, [this, name] {
    timers_.erase(name);
    Add(name);
  });
  timers_.emplace(name, Timer{id, due});
}

absl::Duration WorkQueue::AddAfterFailure(const Name& name) {
  const absl::Duration delay = failures_.try_emplace(name, limits_).first->second.Next(random_);
  AddAfter(name, delay);
  return delay;
}

void WorkQueue::Forget(const Name& name) { failures_.erase(name); }

env::Task<std::optional<WorkQueue::Name>> WorkQueue::Next() {
  while (!stopped_ && ready_.empty()) {
    auto woken = std::make_shared<env::OneShot<bool>>();
    idle_.push_back(woken);
    co_await woken->WaitForever();
  }
  if (stopped_) co_return std::nullopt;
  Name name = std::move(ready_.front().name);
  ready_.pop_front();
  waiting_.erase(name);
  working_.insert(name);
  co_return name;
}

void WorkQueue::Done(const Name& name) {
  working_.erase(name);
  if (stopped_ || !waiting_.contains(name)) return;
  ready_.push_back({name, executor_.clock().Now()});
  WakeOne();
}

void WorkQueue::WakeOne() {
  if (idle_.empty()) return;
  const auto woken = std::move(idle_.front());
  idle_.pop_front();
  woken->Set(true);
}

void WorkQueue::Stop() {
  stopped_ = true;
  for (const auto& [name, timer] : timers_) executor_.Cancel(timer.id);
  timers_.clear();
  ready_.clear();
  while (!idle_.empty()) WakeOne();
}

std::optional<env::MonotonicTime> WorkQueue::oldest() const {
  if (ready_.empty()) return std::nullopt;
  return ready_.front().since;
}

}  // namespace dohle::runtime
