// Simulated brokers: made, stopped, crashed, started again, replaced. One alone is itself the quorum; of
// several the first ones are voters, too.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::sim {

struct ClusterOptions {
  int nodes = 1;
  int controllers = 0;               // so many nodes are controllers, too; 0: all
  bool dynamic_quorum = false;       // kraft.version 1: voters come and go
  bool flush_every_message = false;  // log.flush.interval.messages=1
  bool small_fetches = false;        // followers need many fetches to catch up
  bool patient = false;              // who has nothing to say is quiet for long
  int64_t roll_ms = 5000;
  int64_t snapshot_bytes = 4000;  // of metadata records between snapshots
};

class Cluster {
 public:
  Cluster(env::SimWorld& world, ClusterOptions options);
  ~Cluster();

  const ClusterOptions& options() const { return options_; }
  size_t size() const { return nodes_.size(); }
  size_t controllers() const;
  bool is_controller(size_t i) const { return i < controllers(); }
  env::SimNode& node(size_t i) { return *nodes_[i].node; }
  std::string host(size_t i) const { return nodes_[i].node->name(); }
  std::vector<env::Endpoint> endpoints() const;  // where clients connect
  bool running(size_t i) const { return nodes_[i].broker != nullptr; }
  size_t running_count() const;
  bool serving(size_t i) const { return nodes_[i].started && nodes_[i].started->ok(); }
  // Whether that node may lose its disk and come back without it: it isn't a voter that nothing but its id
  // tells from the one it was.
  bool replaceable(size_t i) const { return size() > 2 && (options_.dynamic_quorum || !is_controller(i)); }

  // From the test, not from a node's work.
  void Start(size_t i);
  void Crash(size_t i, env::SimNode::Death death);
  // As an init system does it: asks the broker to end, and when it has, starts it again after `down`.
  void RestartCleanly(size_t i, absl::Duration down);
  // Its next start, for whatever reason, is with an empty disk, formatted anew under the same id.
  void CondemnDisk(size_t i);
  bool AnyDiskCondemned() const;
  // How many disks that node has lost.
  int disks_lost(size_t i) const { return nodes_[i].disks_lost; }
  // What an init system does: a broker that could not start is started again.
  void Tend();
  // Is called after every Tend.
  void SetWatch(std::function<void()> watch) { watch_ = std::move(watch); }
  // Of brokers that were asked to end: the longest that it took.
  absl::Duration longest_stop() const { return longest_stop_; }

 private:
  struct Stop {
    std::shared_ptr<bool> over;
    env::MonotonicTime asked_at;
    absl::Duration down;
  };
  struct Member {
    env::SimNode* node = nullptr;
    bool formatted = false;
    int disks_lost = 0;
    bool condemned = false;  // the disk
    std::unique_ptr<Broker> broker;
    std::shared_ptr<std::optional<Status>> outcome;
    std::optional<server::LoadedConfig> config;
    std::optional<Status> started;
    std::optional<Stop> stop;
    std::optional<env::MonotonicTime> start_at;
  };
  server::LoadedConfig Config(size_t i);
  server::LoadedConfig ReadConfig(size_t i) const;
  void Format(size_t i);
  void LoseDisk(size_t i);
  void AddQuorum(size_t i, server::ConfigMap* properties) const;
  void TendOne(size_t i);

  env::SimWorld& world_;
  const ClusterOptions options_;
  std::vector<Member> nodes_;
  std::function<void()> watch_;
  absl::Duration longest_stop_;
};

}  // namespace dohle::sim
