// ForEachBounded(n, limit, work): awaits work(0) … work(n - 1), at most `limit` of them under way at a time,
// and ends when all have ended.
//
//   co_await env::ForEachBounded(topics.size(), 16, [&](size_t i) { return WriteStatus(topics[i]); });
//
// `work` is a plain function that returns a Task<void>, no coroutine itself. All on the caller's executor.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/env/executor.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::env {

template <typename Work>
struct BoundedRun {
  BoundedRun(size_t count, size_t workers, Work each) : n(count), working(workers), work(std::move(each)) {}
  const size_t n;
  size_t next = 0;
  size_t working;
  Work work;
  const std::shared_ptr<OneShot<bool>> all_ended = std::make_shared<OneShot<bool>>();
};

template <typename Work>
Task<void> WorkBounded(std::shared_ptr<BoundedRun<Work>> run) {
  while (run->next < run->n) {
    const size_t i = run->next++;
    co_await run->work(i);
  }
  if (--run->working == 0) run->all_ended->Set(true);
}

// limit > 0.
template <typename Work>
Task<void> ForEachBounded(size_t n, size_t limit, Work work) {
  if (n == 0) co_return;
  const size_t workers = std::min(n, limit);
  auto run = std::make_shared<BoundedRun<Work>>(n, workers, std::move(work));
  for (size_t i = 0; i < workers; ++i) Spawn(*Executor::Current(), WorkBounded(run));
  co_await run->all_ended->WaitForever();
}

}  // namespace dohle::env
