// env::BlockingPool on threads that are started when work waits for one, and end when there is none for a
// while: an idle broker keeps none.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "lib/env/blocking_pool.h"

namespace dohle::env {

class ThreadPool : public BlockingPool {
 public:
  explicit ThreadPool(int max_threads) : max_threads_(max_threads) {}
  ~ThreadPool() override { Stop(); }

  void Submit(absl::AnyInvocable<void()> work) override;
  // Drops what has not begun, waits for what has; not from a thread of the pool. Later submissions are
  // dropped. Idempotent.
  void Stop();

 private:
  static void* ThreadMain(void* pool);
  void Work();
  bool StartThread();
  void JoinEnded();

  const int max_threads_;
  std::mutex mutex_;
  std::condition_variable work_or_stop_;
  std::condition_variable thread_ended_;
  std::deque<absl::AnyInvocable<void()>> queue_;
  int threads_ = 0;
  std::vector<pthread_t> ended_;  // to be joined
  int idle_ = 0;
  bool stopping_ = false;
};

}  // namespace dohle::env
