// A broker, an API server and an operator of topics, each on a node of a simulated world.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/sim/sim_world.h"
#include "lib/kafka/client/admin.h"
#include "operator/local/api_store.h"
#include "operator/reconcile/topic/topic_reconciler.h"
#include "tests/operator/event_log.h"
#include "tests/operator/faulty_client.h"
#include "tests/sim/cluster.h"

namespace dohle::sim {

class TopicsWorld {
 public:
  explicit TopicsWorld(uint64_t seed);
  ~TopicsWorld();

  // Runs the simulation until the task ends; it must within 10 minutes.
  template <typename T>
  T Do(env::Task<T> task) {
    std::optional<T> result;
    const auto run = [](env::Task<T> inner, std::optional<T>* out) -> env::Task<void> {
      out->emplace(co_await std::move(inner));
    };
    env::Spawn(executor(), run(std::move(task), &result));
    EXPECT_TRUE(RunUntil([&] { return result.has_value(); }, absl::Minutes(10)));
    return std::move(*result);
  }
  bool RunUntil(const std::function<bool()>& done, absl::Duration limit);
  void RunFor(absl::Duration duration);

  void StartBroker();
  // kill -9, and up again after `down`.
  void CrashBroker(absl::Duration down);

  // What a user does.
  void Apply(const std::string& name, int partitions, std::map<std::string, std::string> config = {},
             std::string deletion_policy = "Delete");
  void Remove(const std::string& name);
  std::optional<reconcile::TopicResource> Find(const std::string& name);
  std::string Reason(const std::string& name);  // of Ready
  bool Ready(const std::string& name);          // and of the latest generation

  // Calls of the operator that write to the API server fail so often, done or not; conflicts are among them.
  void SetFaults(uint64_t of_100);
  // Begins to run turns of a reconciler, until StopOperator, which forgets all that it remembered.
  void StartOperator();
  void StopOperator();

  env::Env& env() { return operator_node_.env(); }
  env::Executor& executor() { return *operator_node_.env().executors.front(); }
  kafka::client::Admin& admin() { return *admin_; }
  // Not through the operator's client.
  StatusOr<std::map<std::string, kafka::client::TopicDescription>> Topics();

  tests::EventLog events;
  std::unique_ptr<tests::FaultyClient> api;
  reconcile::KafkaCluster kafka;
  bool stale_reads = false;
  uint64_t turns = 0;

 private:
  struct Loop {
    std::unique_ptr<reconcile::TopicReconciler> topics;
    bool stopped = false;
    bool ended = false;
  };
  static env::Task<void> RunTurns(TopicsWorld* world, std::shared_ptr<Loop> loop);
  static env::Task<std::vector<reconcile::TopicRef>> ListTopics(TopicsWorld* world);

  env::SimWorld world_;
  Cluster cluster_;
  env::SimNode& operator_node_;
  std::unique_ptr<local::ApiStore> store_;
  std::unique_ptr<kafka::client::ClusterClient> client_;
  std::unique_ptr<kafka::client::Admin> admin_;
  std::shared_ptr<Loop> loop_;
  std::vector<std::vector<reconcile::TopicRef>> past_;  // snapshots, the latest last
};

}  // namespace dohle::sim
