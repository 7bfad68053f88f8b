#include "operator/runtime/work_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/env/sim/sim_world.h"
#include "lib/env/sleep.h"
#include "operator/runtime/controller.h"

namespace dohle::runtime {
namespace {

class WorkQueueTest : public testing::Test {
 protected:
  WorkQueueTest() : world_(1), node_(world_.AddNode("operator")), executor_(*node_.env().executors[0]) {}
  ~WorkQueueTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  // Runs `work` on the executor and what follows from it.
  void Do(absl::AnyInvocable<void()> work) {
    executor_.Post(std::move(work));
    world_.RunFor(absl::ZeroDuration());
  }
  // A worker that notes what it gets and takes `turn_` for each.
  env::Task<void> Work() {
    while (const std::optional<k8s::ObjectName> name = co_await queue_.Next()) {
      began_.push_back(name->name);
      co_await env::Sleep(turn_);
      queue_.Done(*name);
    }
    ended_ = true;
  }

  env::SimWorld world_;
  env::SimNode& node_;
  env::Executor& executor_;
  WorkQueue queue_{executor_, node_.env().random, {absl::Milliseconds(100), absl::Seconds(1)}};
  std::vector<std::string> began_;
  absl::Duration turn_ = absl::Seconds(1);
  bool ended_ = false;
  const k8s::ObjectName a_{"ns", "a"}, b_{"ns", "b"};
};

using Names = std::vector<std::string>;

TEST_F(WorkQueueTest, ANameAddedTwiceIsHandedOutOnce) {
  Do([&] {
    queue_.Add(a_);
    queue_.Add(b_);
    queue_.Add(a_);
    EXPECT_EQ(queue_.depth(), 2U);
    env::Spawn(executor_, Work());
  });
  world_.RunFor(absl::Seconds(5));
  EXPECT_EQ(began_, (Names{"a", "b"}));
}

TEST_F(WorkQueueTest, ANameAddedWhileItIsWorkedOnComesAgainAfterwardsAndNotBefore) {
  Do([&] {
    env::Spawn(executor_, Work());
    env::Spawn(executor_, Work());
    queue_.Add(a_);
  });
  Do([&] {
    queue_.Add(a_);
    queue_.Add(a_);
  });
  world_.RunFor(absl::Milliseconds(900));
  EXPECT_EQ(began_, (Names{"a"}));
  world_.RunFor(absl::Milliseconds(200));
  EXPECT_EQ(began_, (Names{"a", "a"}));
  world_.RunFor(absl::Seconds(5));
  EXPECT_EQ(began_, (Names{"a", "a"}));
}

TEST_F(WorkQueueTest, TheEarliestDelayCounts) {
  Do([&] {
    env::Spawn(executor_, Work());
    queue_.AddAfter(a_, absl::Seconds(10));
    queue_.AddAfter(a_, absl::Seconds(2));
    queue_.AddAfter(a_, absl::Seconds(5));
  });
  world_.RunFor(absl::Milliseconds(1900));
  EXPECT_EQ(began_, Names{});
  world_.RunFor(absl::Milliseconds(200));
  EXPECT_EQ(began_, (Names{"a"}));
  world_.RunFor(absl::Seconds(20));
  EXPECT_EQ(began_, (Names{"a"}));
}

TEST_F(WorkQueueTest, FailuresWaitLongerAndLongerUntilForgotten) {
  Do([&] {
    absl::Duration last;
    for (int i = 0; i < 8; ++i) last = queue_.AddAfterFailure(a_);
    EXPECT_GE(last, absl::Milliseconds(500));
    EXPECT_LE(last, absl::Seconds(1));
    queue_.Forget(a_);
    EXPECT_LE(queue_.AddAfterFailure(a_), absl::Milliseconds(100));
  });
}

TEST_F(WorkQueueTest, StopWakesWhoWaits) {
  Do([&] { env::Spawn(executor_, Work()); });
  Do([&] {
    queue_.Stop();
    queue_.Add(a_);
  });
  EXPECT_TRUE(ended_);
  EXPECT_EQ(began_, Names{});
}

// A reconciler that fails three times is called again until it does not, and no more.
class ControllerTest : public WorkQueueTest {
 protected:
  env::Task<Reconciled> Reconcile(k8s::ObjectName name) {
    began_.push_back(name.name);
    if (failures_-- > 0) co_return MakeStatus(StatusCode::kUnavailable, "not now");
    co_return std::nullopt;
  }
  int failures_ = 3;
};

TEST_F(ControllerTest, FailuresComeBackAndSuccessEndsIt) {
  Controller controller("test", executor_, node_.env().random,
                        [this](k8s::ObjectName name) { return Reconcile(std::move(name)); });
  Do([&] {
    controller.Start(2);
    controller.queue().Add(a_);
  });
  world_.RunFor(absl::Minutes(5));
  EXPECT_EQ(began_, (Names{"a", "a", "a", "a"}));
}

}  // namespace
}  // namespace dohle::runtime
