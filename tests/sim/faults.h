// Faults drawn from a seed: what goes wrong, and when. All have ended by the end of their time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/cluster.h"
#include "tests/sim/history.h"
#include "tests/sim/strays.h"

namespace dohle::sim {

struct FaultOptions {
  absl::Duration duration = absl::Seconds(30);
  bool power_cuts = false;
  // Of several nodes only this one then dies at all, in whatever way: a death without a clean shutdown counts
  // as one that may have forgotten something (KIP-966), and fewer than min.insync.replicas may do so at a
  // time.
  size_t power_victim = 0;
  // The victim may even lose its disk for good. Then the disk may also lie before.
  bool replacement = false;
};

class Faults {
 public:
  // The references outlive it. `clients` are the hosts that talk to the brokers.
  Faults(env::SimWorld& world, Cluster& cluster, History& history, std::vector<std::string> clients,
         FaultOptions options);
  // Runs the world for the time of the faults; when it returns all are over and every broker is started.
  void Run();
  // What was done, line by line.
  const std::string& log() const { return log_; }

 private:
  using Action = std::function<void()>;
  void Draw();
  void At(absl::Duration when, std::string what, Action action);
  void DrawOne(absl::Duration when);
  size_t DrawMortal();
  void Death(absl::Duration when, env::SimNode::Death death);
  void SlowDisk(absl::Duration when);
  void FullDisk(absl::Duration when);
  void IoErrors(absl::Duration when);
  void Network(absl::Duration when);
  void Cut(absl::Duration when, absl::Duration end, const std::string& one, const std::string& other);
  void ClockJump(absl::Duration when);
  void CleanRestart(absl::Duration when);
  void RollingRestart(absl::Duration when);
  void Replacement(absl::Duration when);
  void Isolation(absl::Duration when);
  void Kill(size_t node, env::SimNode::Death death);
  void StartAgain(size_t node);
  void RunFor(absl::Duration duration);

  env::SimWorld& world_;
  Cluster& cluster_;
  History& history_;
  const std::vector<std::string> clients_;
  const FaultOptions options_;
  std::multimap<absl::Duration, std::pair<std::string, Action>> plan_;
  Strays strays_;
  std::string log_;
};

}  // namespace dohle::sim
