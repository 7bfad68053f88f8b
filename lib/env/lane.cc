#include "lib/env/lane.h"

namespace dohle::env {

void LaneGuard::Leave() {
  if (lane_ == nullptr) return;
  context_->lane = nullptr;
  std::exchange(lane_, nullptr)->Release();
}

bool Lane::EnterOrQueue(Entry* entry) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!held_) {
    held_ = true;
    return true;
  }
  if (last_ == nullptr) {
    first_ = entry;
  } else {
    last_->next_ = entry;
  }
  last_ = entry;
  return false;
}

void Lane::Release() {
  Entry* next = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    next = first_;
    if (next == nullptr) {
      held_ = false;
      return;
    }
    first_ = next->next_;
    if (first_ == nullptr) last_ = nullptr;
  }
  // The lane passes from hand to hand without becoming free, so nobody overtakes.
  next->context_->executor->Resume(next->coroutine_);
}

void Lane::Abandon(Entry* entry) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Entry* previous = nullptr;
    for (Entry* e = first_; e != nullptr; previous = e, e = e->next_) {
      if (e != entry) continue;
      (previous == nullptr ? first_ : previous->next_) = e->next_;
      if (last_ == e) last_ = previous;
      return;
    }
  }
  Release();  // its turn had come, but it was not resumed any more
}

}  // namespace dohle::env
