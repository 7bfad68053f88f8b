#include "lib/env/timer_queue.h"

#include <utility>

#include "lib/base/check.h"

namespace dohle::env {

bool TimerQueue::Before(const Node& a, const Node& b) {
  return a.when != b.when ? a.when < b.when : a.sequence < b.sequence;
}

void TimerQueue::Place(uint32_t place, const Node& node) {
  heap_[place] = node;
  slots_[node.slot].place = place;
}

void TimerQueue::Up(uint32_t place) {
  const Node node = heap_[place];
  while (place > 0) {
    const uint32_t parent = (place - 1) / 2;
    if (!Before(node, heap_[parent])) break;
    Place(place, heap_[parent]);
    place = parent;
  }
  Place(place, node);
}

void TimerQueue::Down(uint32_t place) {
  const Node node = heap_[place];
  const auto size = static_cast<uint32_t>(heap_.size());
  for (;;) {
    uint32_t child = 2 * place + 1;
    if (child >= size) break;
    if (child + 1 < size && Before(heap_[child + 1], heap_[child])) ++child;
    if (!Before(heap_[child], node)) break;
    Place(place, heap_[child]);
    place = child;
  }
  Place(place, node);
}

TimerId TimerQueue::Add(MonotonicTime when, absl::AnyInvocable<void()> work) {
  uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot].work = std::move(work);
  heap_.push_back({when, sequence_++, slot});
  Up(static_cast<uint32_t>(heap_.size() - 1));
  return (uint64_t{slots_[slot].generation} << 32) | slot;
}

absl::AnyInvocable<void()> TimerQueue::Erase(uint32_t place) {
  Slot& slot = slots_[heap_[place].slot];
  absl::AnyInvocable<void()> work = std::exchange(slot.work, nullptr);
  if (++slot.generation == 0) slot.generation = 1;  // so that no id is kNoTimer
  free_slots_.push_back(heap_[place].slot);
  const Node last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) {
    Place(place, last);
    Up(place);
    Down(slots_[last.slot].place);
  }
  return work;
}

void TimerQueue::Cancel(TimerId timer) {
  const auto slot = static_cast<uint32_t>(timer);
  if (timer == kNoTimer || slot >= slots_.size() || slots_[slot].generation != timer >> 32) return;
  // The work is destroyed at the end of this statement: what it owns may come back in here.
  Erase(slots_[slot].place);
}

absl::AnyInvocable<void()> TimerQueue::Take() {
  DOHLE_CHECK(!heap_.empty());
  return Erase(0);
}

void TimerQueue::Clear() {
  while (!heap_.empty()) Erase(static_cast<uint32_t>(heap_.size() - 1));
}

}  // namespace dohle::env
