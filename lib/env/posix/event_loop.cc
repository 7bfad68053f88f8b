#include "lib/env/posix/event_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "lib/base/check.h"

namespace dohle::env {
namespace {

// So many rounds of posted work may go before the descriptors and timers are looked at again.
constexpr int kRoundsPerPoll = 8;
constexpr size_t kItemsKept = 1024;  // capacity that a queue keeps after a burst

int MsUntil(MonotonicTime now, MonotonicTime when) {
  const int64_t ns = when.nanoseconds() - now.nanoseconds();
  if (ns <= 0) return 0;
  constexpr int64_t kMax = 60'000;
  return static_cast<int>(std::min((ns + 999'999) / 1'000'000, kMax));
}

}  // namespace

EventLoop::EventLoop(const Clock& clock, int index)
    : clock_(clock),
      index_(index),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  DOHLE_CHECK(epoll_.valid() && wake_.valid());
  epoll_event event{};
  // Edge-triggered: every write is an edge, so the counter never needs to be read.
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  DOHLE_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0);
}

EventLoop::~EventLoop() {
  Stop();
  DropEverything();
}

void EventLoop::Push(Item item) {
  if (Current() == this) {
    local_.push_back(std::move(item));
    return;
  }
  bool wake = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (dead()) return;
    remote_.push_back(std::move(item));
    wake = std::exchange(sleeping_, false);
  }
  if (wake) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  }
}

void EventLoop::Post(absl::AnyInvocable<void()> work) { Push({nullptr, std::move(work)}); }
void EventLoop::Resume(std::coroutine_handle<> coroutine) { Push({coroutine, nullptr}); }

TimerId EventLoop::RunAfter(absl::Duration delay, absl::AnyInvocable<void()> work) {
  if (dead()) return kNoTimer;
  DOHLE_CHECK(Current() == this);
  return timers_.Add(clock_.Now() + delay, std::move(work));
}

void EventLoop::Cancel(TimerId timer) {
  DOHLE_CHECK(Current() == this || dead());
  timers_.Cancel(timer);
}

bool EventLoop::Watch(int fd, Handler* handler) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = handler;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::Unwatch(int fd, Handler* handler) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  // Events of this batch that are still to be told must not reach who has gone.
  for (int i = event_next_; i < event_count_; ++i) {
    if (events_[static_cast<size_t>(i)].data.ptr == handler)
      events_[static_cast<size_t>(i)].data.ptr = nullptr;
  }
}

absl::Duration EventLoop::BusyTime() const {
  const int clock = cpu_clock_.load(std::memory_order_relaxed);
  timespec time{};
  if (clock == -1 || ::clock_gettime(clock, &time) != 0) return absl::ZeroDuration();
  return absl::DurationFromTimespec(time);
}

void EventLoop::Start() {
  DOHLE_CHECK(!thread_.joinable() && !dead());
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("loop-" + std::to_string(index_)).c_str());
    clockid_t clock = -1;
    if (::pthread_getcpuclockid(::pthread_self(), &clock) == 0) cpu_clock_.store(clock);
    SetCurrent(this);
    Loop();
    SetCurrent(nullptr);
  });
}

void EventLoop::Stop() {
  DOHLE_CHECK(Current() != this);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    sleeping_ = false;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
}

void EventLoop::DropEverything() {
  std::vector<Item> dropped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    dead_.store(true, std::memory_order_relaxed);
    dropped.swap(remote_);
  }
  timers_.Clear();
  DestroyChains();
  dropped.clear();
  local_.clear();
  running_.clear();
}

void EventLoop::Loop() {
  for (;;) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return;
    }
    for (int round = 0; round < kRoundsPerPoll && !local_.empty(); ++round) RunItems();
    RunTimers();
    Poll();
  }
}

// One round: what the items add comes in the next.
void EventLoop::RunItems() {
  running_.swap(local_);
  for (Item& item : running_) {
    if (item.coroutine) {
      item.coroutine.resume();
    } else {
      std::exchange(item.work, nullptr)();
    }
  }
  running_.clear();
  if (running_.capacity() > kItemsKept) running_.shrink_to_fit();
}

void EventLoop::RunTimers() {
  if (timers_.empty()) return;
  const MonotonicTime now = clock_.Now();
  while (timers_.Next() <= now) timers_.Take()();
}

int EventLoop::PollTimeoutMs() const {
  if (!local_.empty()) return 0;
  if (timers_.empty()) return -1;
  return MsUntil(clock_.Now(), timers_.Next());
}

void EventLoop::Poll() {
  int timeout_ms = PollTimeoutMs();
  if (timeout_ms != 0) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!remote_.empty() || stopping_) {
      timeout_ms = 0;
    } else {
      sleeping_ = true;
    }
  }
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
  DOHLE_CHECK(count >= 0 || errno == EINTR);
  event_count_ = std::max(count, 0);
  for (event_next_ = 0; event_next_ < event_count_;) {
    const epoll_event& event = events_[static_cast<size_t>(event_next_++)];
    if (event.data.ptr != nullptr) static_cast<Handler*>(event.data.ptr)->OnEvents(event.events);
  }
  event_next_ = event_count_ = 0;
  const std::lock_guard<std::mutex> lock(mutex_);
  sleeping_ = false;
  if (remote_.empty()) return;
  if (local_.empty()) {
    local_.swap(remote_);
  } else {
    for (Item& item : remote_) local_.push_back(std::move(item));
    remote_.clear();
  }
}

}  // namespace dohle::env
