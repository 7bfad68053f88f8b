#include "broker/coordinator/timer_queue.h"

#include <utility>

namespace dohle::coordinator {

TimerId TimerQueue::Schedule(env::MonotonicTime deadline, Timer timer) {
  const TimerId id = ++last_id_;
  timers_.emplace(id, Armed{std::move(timer), deadline, deadline});
  slots_.push({deadline, id});
  return id;
}

void TimerQueue::Move(TimerId id, env::MonotonicTime deadline) {
  const auto found = timers_.find(id);
  if (found == timers_.end()) return;
  Armed& armed = found->second;
  armed.deadline = deadline;
  if (deadline < armed.slot_at) {
    armed.slot_at = deadline;
    slots_.push({deadline, id});
  }
}

void TimerQueue::Cancel(TimerId id) { timers_.erase(id); }

env::MonotonicTime TimerQueue::Next() const {
  return slots_.empty() ? env::MonotonicTime::Max() : slots_.top().at;
}

std::optional<TimerQueue::Due> TimerQueue::PopDue(env::MonotonicTime now) {
  while (!slots_.empty() && slots_.top().at <= now) {
    const Slot slot = slots_.top();
    slots_.pop();
    const auto found = timers_.find(slot.id);
    if (found == timers_.end() || found->second.slot_at != slot.at) continue;
    if (found->second.deadline > now) {
      found->second.slot_at = found->second.deadline;
      slots_.push({found->second.deadline, slot.id});
      continue;
    }
    Due due{slot.id, std::move(found->second.timer)};
    timers_.erase(found);
    return due;
  }
  return std::nullopt;
}

}  // namespace dohle::coordinator
