#include "lib/env/timer_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace dohle::env {
namespace {

TEST(TimerQueue, TakesInOrderOfTimeThenOfAdding) {
  TimerQueue queue;
  std::vector<int> order;
  queue.Add(MonotonicTime(20), [&] { order.push_back(3); });
  queue.Add(MonotonicTime(10), [&] { order.push_back(1); });
  queue.Add(MonotonicTime(10), [&] { order.push_back(2); });
  EXPECT_EQ(queue.Next(), MonotonicTime(10));
  while (!queue.empty()) queue.Take()();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(queue.Next(), MonotonicTime::Max());
}

TEST(TimerQueue, CancelDestroysTheWorkAndToleratesStaleIds) {
  TimerQueue queue;
  auto owned = std::make_shared<int>(1);
  const TimerId id = queue.Add(MonotonicTime(1), [owned] {});
  EXPECT_EQ(owned.use_count(), 2);
  queue.Cancel(id);
  EXPECT_EQ(owned.use_count(), 1);
  bool ran = false;
  queue.Add(MonotonicTime(1), [&] { ran = true; });  // takes the slot over
  queue.Cancel(id);
  queue.Cancel(kNoTimer);
  queue.Cancel(uint64_t{1} << 40);
  ASSERT_FALSE(queue.empty());
  queue.Take()();
  EXPECT_TRUE(ran);
}

TEST(TimerQueue, BehavesLikeASortedMap) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  TimerQueue queue;
  std::map<std::pair<int64_t, int>, TimerId> model;
  int next = 0;
  int taken = -1;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t what = random() % 4;
    if (what < 2) {
      const auto when = static_cast<int64_t>(random() % 1000);
      const int name = next++;
      model[{when, name}] = queue.Add(MonotonicTime(when), [&taken, name] { taken = name; });
    } else if (what == 2 && !model.empty()) {
      auto it = model.begin();
      std::advance(it, static_cast<int64_t>(random() % model.size()));
      queue.Cancel(it->second);
      model.erase(it);
    } else if (!model.empty()) {
      ASSERT_EQ(queue.Next().nanoseconds(), model.begin()->first.first);
      queue.Take()();
      ASSERT_EQ(taken, model.begin()->first.second);
      model.erase(model.begin());
    }
    ASSERT_EQ(queue.empty(), model.empty());
  }
  queue.Clear();
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace dohle::env
