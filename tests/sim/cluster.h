// Simulated brokers: made, crashed, started again. Each is broker and controller; one alone is itself the
// quorum.
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
  bool unclean_election = false;
  bool flush_every_message = false;  // log.flush.interval.messages=1
  int64_t roll_ms = 5000;
  int64_t snapshot_bytes = 4000;  // of metadata records between snapshots
};

class Cluster {
 public:
  Cluster(env::SimWorld& world, ClusterOptions options);
  ~Cluster();

  size_t size() const { return nodes_.size(); }
  env::SimNode& node(size_t i) { return *nodes_[i].node; }
  std::string host(size_t i) const { return nodes_[i].node->name(); }
  std::vector<env::Endpoint> endpoints() const;  // where clients connect
  bool running(size_t i) const { return nodes_[i].broker != nullptr; }
  size_t running_count() const;
  bool serving(size_t i) const { return nodes_[i].started && nodes_[i].started->ok(); }

  // From the test, not from a node's work.
  void Start(size_t i);
  void Crash(size_t i, env::SimNode::Death death);
  // What an init system does: a broker that could not start is started again.
  void Tend();
  // Is called after every Tend.
  void SetWatch(std::function<void()> watch) { watch_ = std::move(watch); }

 private:
  struct Member {
    env::SimNode* node = nullptr;
    bool formatted = false;
    std::unique_ptr<Broker> broker;
    std::shared_ptr<std::optional<Status>> outcome;
    std::optional<Status> started;
  };
  server::LoadedConfig Config(size_t i) const;
  void Format(size_t i);
  void AddQuorum(size_t i, server::ConfigMap* properties) const;

  const ClusterOptions options_;
  std::vector<Member> nodes_;
  std::function<void()> watch_;
};

}  // namespace dohle::sim
