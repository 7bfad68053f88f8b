// A simulated world: nodes with their own disks, executors and addresses, one network, one virtual time. One
// thread, one seed, one run.
//
//   SimWorld world(seed);
//   SimNode& node = world.AddNode("node-1");
//   auto broker = std::make_unique<Broker>(node.env());
//   world.RunFor(absl::Seconds(5));
//   node.Crash(SimNode::Death::kPower);     // first the crash: the node's coroutines are destroyed ...
//   broker.reset();                         // ... then what they used; it can't touch the disk any more
//   node.Restart();
//   broker = std::make_unique<Broker>(node.env());
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/sim/sim_disk.h"
#include "lib/env/sim/sim_network.h"
#include "lib/env/sim/sim_scheduler.h"
#include "lib/env/sim/sim_transport.h"

namespace dohle::env {

class SimNode {
 public:
  // What the wall clock shows beside the true time.
  struct WallClock {
    absl::Duration offset;
    double drift = 0;
    MonotonicTime since;
  };
  using Death = SimTransport::Death;  // kProcess: what was written stays; kPower: what was not synced may go

  SimNode(SimScheduler& scheduler, SimNetwork& network, std::string name, int executors);
  ~SimNode();

  const std::string& name() const { return name_; }
  // The environment of the life that is running, until Crash. What is owned outside coroutines (files,
  // connections, listeners) may outlive the crash, not the world.
  Env& env();
  bool running() const;
  // Drops what is queued, destroys every coroutine of the node where it waits, and makes what is left of this
  // life powerless. Not from the node's own work: from the test, or from SimWorld::After.
  void Crash(Death death);
  void Restart();

  SimDisk& disk() { return disk_; }
  // How long work on the blocking pool takes: a slow disk.
  void SetBlockingDelay(absl::Duration at_least, absl::Duration at_most);
  // The node's wall clock is off by so much, and from now on goes wrong by so much more for every second that
  // passes (0.01: it is fast by a percent). Its monotonic time isn't.
  void SetWallClock(absl::Duration offset, double drift = 0);

 private:
  struct Life;

  SimScheduler& scheduler_;
  SimNetwork& network_;
  const std::string name_;
  const int executors_;
  Xoshiro seeds_;
  SimDisk disk_;
  absl::Duration blocking_at_least_ = absl::Microseconds(10);
  absl::Duration blocking_at_most_ = absl::Milliseconds(2);
  WallClock wall_clock_;
  std::unique_ptr<Life> life_;
  std::vector<std::unique_ptr<Life>> past_lives_;  // who held a reference to an executor may still do so
};

class SimWorld {
 public:
  explicit SimWorld(uint64_t seed);
  ~SimWorld();

  uint64_t seed() const { return seed_; }
  // A host of that name, running.
  SimNode& AddNode(const std::string& name, int executors = 1);
  SimNetwork& network() { return network_; }

  MonotonicTime now() const { return scheduler_.now(); }
  void RunFor(absl::Duration duration) { scheduler_.RunUntil(now() + duration); }
  // Until nothing is left to run and no timer set. False if that was not within `limit`.
  bool RunUntilIdle(absl::Duration limit = absl::Hours(1));
  // Until `done` holds. False if it doesn't within `limit`.
  bool RunUntil(const std::function<bool()>& done, absl::Duration limit = absl::Hours(1));
  // Runs `work` in the middle of the run, outside of every node: to crash, cut, heal.
  void After(absl::Duration delay, absl::AnyInvocable<void()> work) {
    scheduler_.After(delay, std::move(work));
  }
  // A fingerprint of the run: the same for the same seed and test.
  uint64_t trace() const { return scheduler_.trace(); }
  // Chance for the test itself.
  Xoshiro& random() { return random_; }

 private:
  const uint64_t seed_;
  SimScheduler scheduler_;
  SimNetwork network_;
  Xoshiro random_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
};

}  // namespace dohle::env
