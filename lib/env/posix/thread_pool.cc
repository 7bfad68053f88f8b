#include "lib/env/posix/thread_pool.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/log.h"

namespace dohle::env {
namespace {

constexpr size_t kStackBytes = size_t{512} << 10;
constexpr std::chrono::seconds kIdleLife{30};

}  // namespace

void ThreadPool::Submit(absl::AnyInvocable<void()> work) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return;
  queue_.push_back(std::move(work));
  if (static_cast<size_t>(idle_) >= queue_.size() || threads_ >= max_threads_) {
    work_or_stop_.notify_one();
    return;
  }
  JoinEnded();
  if (!StartThread()) {
    log::Warning("env", "cannot start an I/O thread; {} run: raise the limit of processes (ulimit -u)",
                 threads_);
    DOHLE_CHECK(threads_ > 0);  // nobody would ever do the work
  }
}

bool ThreadPool::StartThread() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread{};
  const int error = pthread_create(&thread, &attributes, &ThreadPool::ThreadMain, this);
  pthread_attr_destroy(&attributes);
  if (error == 0) ++threads_;
  return error == 0;
}

void ThreadPool::JoinEnded() {
  for (const pthread_t thread : ended_) pthread_join(thread, nullptr);
  ended_.clear();
}

void* ThreadPool::ThreadMain(void* pool) {
  ::pthread_setname_np(::pthread_self(), "io");
  static_cast<ThreadPool*>(pool)->Work();
  return nullptr;
}

void ThreadPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    if (queue_.empty()) {
      ++idle_;
      const bool wanted =
          work_or_stop_.wait_for(lock, kIdleLife, [&] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (!wanted) break;
      continue;
    }
    absl::AnyInvocable<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
  --threads_;
  ended_.push_back(pthread_self());
  thread_ended_.notify_all();
}

void ThreadPool::Stop() {
  std::deque<absl::AnyInvocable<void()>> dropped;
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  dropped.swap(queue_);
  work_or_stop_.notify_all();
  thread_ended_.wait(lock, [&] { return threads_ == 0; });
  const std::vector<pthread_t> ended = std::exchange(ended_, {});
  lock.unlock();
  for (const pthread_t thread : ended) pthread_join(thread, nullptr);
}

}  // namespace dohle::env
