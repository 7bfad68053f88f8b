// A lane: an asynchronous lock that owns state. A coroutine enters it inline when it is free, without a
// thread switch, and waits in FIFO order when it is not; it may suspend inside (for the disk). So what
// belongs to a lane is single-threaded code without a mutex (architecture, decision 3).
//
//   LaneGuard in_lane = co_await lane.Enter();
//
// Never enter a lane from inside another: return effects, leave, then act. Checked at run time.
#pragma once

#include <atomic>
#include <coroutine>
#include <mutex>
#include <utility>

#include "lib/env/executor.h"
#include "lib/env/task.h"

namespace dohle::env {

class Lane;

// Inside the lane as long as it lives.
class [[nodiscard]] LaneGuard {
 public:
  LaneGuard(LaneGuard&& other) noexcept
      : lane_(std::exchange(other.lane_, nullptr)), context_(std::exchange(other.context_, nullptr)) {}
  LaneGuard& operator=(LaneGuard&&) = delete;
  ~LaneGuard() { Leave(); }

  // Leaves before the end of the scope; once.
  void Leave();

 private:
  friend class Lane;
  LaneGuard(Lane* lane, TaskContext* context) : lane_(lane), context_(context) {}

  Lane* lane_;
  TaskContext* context_;
};

class Lane {
 public:
  Lane() = default;
  Lane(const Lane&) = delete;
  ~Lane() { DOHLE_CHECK(!held_); }

  class Entry {
   public:
    explicit Entry(Lane* lane) : lane_(lane) {}
    Entry(const Entry&) = delete;
    // A frame that is destroyed where it waits gives up its place in the queue.
    ~Entry() {
      if (waiting_) lane_->Abandon(this);
    }
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> caller) {
      context_ = caller.promise().context;
      DOHLE_CHECK(context_->lane == nullptr);
      context_->lane = lane_;
      coroutine_ = caller;
      waiting_ = true;
      return !lane_->EnterOrQueue(this);
    }
    LaneGuard await_resume() {
      waiting_ = false;
      return {lane_, context_};
    }

   private:
    friend class Lane;
    Lane* lane_;
    TaskContext* context_ = nullptr;
    std::coroutine_handle<> coroutine_;
    Entry* next_ = nullptr;
    bool waiting_ = false;  // from await_suspend to await_resume
  };

  Entry Enter() { return Entry(this); }

 private:
  friend class LaneGuard;
  // True: entered. False: queued; the lane resumes the entry on its own executor when its turn has come.
  bool EnterOrQueue(Entry* entry);
  void Release();
  void Abandon(Entry* entry);

  // Guards the three below for some instructions; never held while domain code runs.
  std::mutex mutex_;
  bool held_ = false;
  Entry* first_ = nullptr;
  Entry* last_ = nullptr;
};

}  // namespace dohle::env
