// What waits for a time, as both executors keep it: a heap that can forget. Long polls add a timer a request
// and cancel nearly all of them, so cancelling leaves nothing behind. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "lib/env/clock.h"
#include "lib/env/executor.h"

namespace dohle::env {

class TimerQueue {
 public:
  TimerId Add(MonotonicTime when, absl::AnyInvocable<void()> work);
  // A no-op for a timer that was taken or cancelled.
  void Cancel(TimerId timer);

  bool empty() const { return heap_.empty(); }
  // When the next one is due; Max() if there is none.
  MonotonicTime Next() const { return heap_.empty() ? MonotonicTime::Max() : heap_.front().when; }
  // Takes the next one out. Not empty. Of those due at the same time the one added first.
  absl::AnyInvocable<void()> Take();
  // Drops everything.
  void Clear();

 private:
  struct Node {
    MonotonicTime when;
    uint64_t sequence;
    uint32_t slot;
  };
  struct Slot {
    absl::AnyInvocable<void()> work;
    uint32_t generation = 1;
    uint32_t place = 0;  // in heap_
  };
  static bool Before(const Node& a, const Node& b);
  void Place(uint32_t place, const Node& node);
  void Up(uint32_t place);
  void Down(uint32_t place);
  absl::AnyInvocable<void()> Erase(uint32_t place);

  std::vector<Node> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  uint64_t sequence_ = 0;
};

}  // namespace dohle::env
