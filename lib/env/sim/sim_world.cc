#include "lib/env/sim/sim_world.h"

#include <utility>

#include "lib/base/check.h"
#include "lib/env/sim/sim_executor.h"
#include "lib/env/sim/sim_file_system.h"

namespace dohle::env {
namespace {

constexpr int64_t kEpochMs = 1'700'000'000'000;  // the wall time when a simulation starts

class SimClock : public Clock {
 public:
  SimClock(const SimScheduler& scheduler, const SimNode::WallClock& wall)
      : scheduler_(scheduler), wall_(wall) {}
  int64_t WallTimeMs() const override {
    const absl::Duration drifted = (scheduler_.now() - wall_.since) * wall_.drift;
    return kEpochMs + scheduler_.now().nanoseconds() / 1'000'000 +
           absl::ToInt64Milliseconds(wall_.offset + drifted);
  }
  MonotonicTime Now() const override { return scheduler_.now(); }

 private:
  const SimScheduler& scheduler_;
  const SimNode::WallClock& wall_;
};

class SimRandom : public Random {
 public:
  explicit SimRandom(uint64_t seed) : generator_(seed) {}
  uint64_t Next() override { return generator_.Next(); }

 private:
  Xoshiro generator_;
};

// Each work takes its own time, so the seed decides their order.
class SimBlockingPool : public BlockingPool {
 public:
  SimBlockingPool(SimScheduler& scheduler, const absl::Duration& at_least, const absl::Duration& at_most)
      : scheduler_(scheduler), at_least_(at_least), at_most_(at_most) {}
  ~SimBlockingPool() override { Kill(); }

  void Submit(absl::AnyInvocable<void()> work) override {
    if (!*alive_) return;
    const int64_t delay_ns =
        scheduler_.random().Between(absl::ToInt64Nanoseconds(at_least_), absl::ToInt64Nanoseconds(at_most_));
    scheduler_.After(absl::Nanoseconds(delay_ns), [alive = alive_, work = std::move(work)]() mutable {
      if (*alive) work();
    });
  }
  void Kill() { *alive_ = false; }

 private:
  SimScheduler& scheduler_;
  const absl::Duration& at_least_;
  const absl::Duration& at_most_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

struct SimNode::Life {
  Life(SimNode& node, uint64_t seed)
      : clock(node.scheduler_, node.wall_clock_),
        random(seed),
        file_system(node.disk_, clock),
        transport(node.network_, node.name_),
        pool(node.scheduler_, node.blocking_at_least_, node.blocking_at_most_) {
    for (int i = 0; i < node.executors_; ++i) {
      executors.push_back(std::make_unique<SimExecutor>(node.scheduler_, clock));
      env.executors.push_back(executors.back().get());
    }
  }

  SimClock clock;
  SimRandom random;
  SimFileSystem file_system;
  SimTransport transport;
  SimBlockingPool pool;
  std::vector<std::unique_ptr<SimExecutor>> executors;
  Env env{clock, random, file_system, transport, pool, {}};
};

SimNode::SimNode(SimScheduler& scheduler, SimNetwork& network, std::string name, int executors)
    : scheduler_(scheduler),
      network_(network),
      name_(std::move(name)),
      executors_(executors),
      seeds_(scheduler.random().Next()),
      disk_(seeds_.Next()) {
  Restart();
}

SimNode::~SimNode() {
  if (running()) Crash(Death::kPower);
}

Env& SimNode::env() {
  DOHLE_CHECK(running());
  return life_->env;
}

bool SimNode::running() const { return life_ != nullptr; }

void SimNode::Crash(Death death) {
  DOHLE_CHECK(running() && Executor::Current() == nullptr);
  // The outside is cut off before anything is destroyed: destructors must not reach the disk or the network.
  Life& life = *past_lives_.emplace_back(std::move(life_));
  life.file_system.Kill();
  life.transport.Kill(death);
  life.pool.Kill();
  network_.SetHostUp(name_, false);
  for (const auto& executor : life.executors) executor->Kill();
  for (const auto& executor : life.executors) executor->DropChains();
  if (death == Death::kPower) {
    disk_.LoseUnsynced();
  } else {
    network_.SetHostUp(name_, true);  // the kernel lives on, and refuses
  }
}

void SimNode::Restart() {
  DOHLE_CHECK(!running());
  network_.SetHostUp(name_, true);
  life_ = std::make_unique<Life>(*this, seeds_.Next());
}

void SimNode::SetBlockingDelay(absl::Duration at_least, absl::Duration at_most) {
  DOHLE_CHECK(at_least <= at_most);
  blocking_at_least_ = at_least;
  blocking_at_most_ = at_most;
}

void SimNode::SetWallClock(absl::Duration offset, double drift) {
  wall_clock_ = {offset, drift, scheduler_.now()};
}

SimWorld::SimWorld(uint64_t seed)
    : seed_(seed), scheduler_(seed), network_(scheduler_), random_(scheduler_.random().Next()) {}

SimWorld::~SimWorld() {
  for (const auto& node : nodes_) {
    if (node->running()) node->Crash(SimNode::Death::kPower);
  }
  scheduler_.Clear();
  nodes_.clear();
}

SimNode& SimWorld::AddNode(const std::string& name, int executors) {
  DOHLE_CHECK(!network_.IsHost(name));
  return *nodes_.emplace_back(std::make_unique<SimNode>(scheduler_, network_, name, executors));
}

bool SimWorld::RunUntilIdle(absl::Duration limit) {
  const MonotonicTime end = now() + limit;
  while (scheduler_.Step(end)) {
  }
  return !scheduler_.Pending();
}

bool SimWorld::RunUntil(const std::function<bool()>& done, absl::Duration limit) {
  const MonotonicTime end = now() + limit;
  while (!done()) {
    if (!scheduler_.Step(end)) return done();
  }
  return true;
}

}  // namespace dohle::env
