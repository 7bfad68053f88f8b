// The posix executor: epoll, one thread. Descriptors are registered once, edge-triggered, for both
// directions, so waiting for one costs no system call; a loop that sleeps is woken through an eventfd, once
// for a batch.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "lib/env/executor.h"
#include "lib/env/posix/unique_fd.h"
#include "lib/env/timer_queue.h"

namespace dohle::env {

class EventLoop : public Executor {
 public:
  // Told of the events of one descriptor, on the loop's thread.
  class Handler {
   public:
    virtual void OnEvents(uint32_t epoll_events) = 0;

   protected:
    ~Handler() = default;
  };

  EventLoop(const Clock& clock, int index);
  ~EventLoop() override;

  void Post(absl::AnyInvocable<void()> work) override;
  void Resume(std::coroutine_handle<> coroutine) override;
  TimerId RunAfter(absl::Duration delay, absl::AnyInvocable<void()> work) override;
  void Cancel(TimerId timer) override;
  const Clock& clock() const override { return clock_; }
  absl::Duration BusyTime() const override;

  // Reports events of `fd` to `handler` until Unwatch. False with errno set if the kernel refuses. The loop's
  // thread only, or any while the loop does not run.
  bool Watch(int fd, Handler* handler);
  void Unwatch(int fd, Handler* handler);

  // Once; spawns the thread. Stop ends it after the work at hand and joins; not from the loop's own thread.
  // After Stop everything that comes is dropped.
  void Start();
  void Stop();
  // After Stop of every loop: drops what was left waiting, frames included.
  void DropEverything();
  bool dead() const { return dead_.load(std::memory_order_relaxed); }

  // Connections that live here, for dealing out new ones. Any thread.
  std::atomic<int> connections{0};

 private:
  struct Item {
    std::coroutine_handle<> coroutine;  // if null: work
    absl::AnyInvocable<void()> work;
  };
  void Push(Item item);
  void Loop();
  void RunItems();
  void RunTimers();
  int PollTimeoutMs() const;
  void Poll();

  const Clock& clock_;
  const int index_;
  UniqueFd epoll_;
  UniqueFd wake_;
  std::thread thread_;
  std::atomic<int> cpu_clock_{-1};  // of the thread, once it runs; a clockid_t

  // The loop's thread's own.
  std::vector<Item> local_;
  std::vector<Item> running_;
  TimerQueue timers_;
  std::array<epoll_event, 128> events_;
  int event_count_ = 0;
  int event_next_ = 0;

  std::mutex mutex_;  // guards the three below
  std::vector<Item> remote_;
  bool sleeping_ = false;
  bool stopping_ = false;

  std::atomic<bool> dead_{false};
};

}  // namespace dohle::env
