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
#include "tests/sim/cluster.h"

namespace dohle::sim {

// What was told, for each Topic by its uid.
class EventLog : public reconcile::EventSink {
 public:
  void Normal(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, std::string_view reason,
              std::string_view action, std::string note) override;
  void Warning(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, std::string_view reason,
               std::string_view action, std::string note) override {
    Normal(resource, regarding, reason, action, std::move(note));
  }
  int Count(std::string_view reason) const;
  std::string Text() const;

  std::map<std::pair<std::string, std::string>, int> counts;  // by uid and reason
  std::vector<std::string> lines;
};

// Hands on to the API store, but now and then refuses a write, or says that it failed though it was done.
class FaultyClient : public k8s::Client {
 public:
  FaultyClient(k8s::Client& inner, env::Random& random) : inner_(inner), random_(random) {}

  env::Task<StatusOr<k8s::Json>> Get(k8s::Resource resource, k8s::ObjectName name) override;
  env::Task<StatusOr<k8s::ListPage>> List(k8s::Resource resource, k8s::ListOptions options) override;
  env::Task<StatusOr<std::unique_ptr<k8s::Watch>>> StartWatch(k8s::Resource resource,
                                                              k8s::WatchOptions options) override;
  env::Task<StatusOr<k8s::Json>> Create(k8s::Resource resource, k8s::Json object) override;
  env::Task<StatusOr<k8s::Json>> Replace(k8s::Resource resource, k8s::Json object,
                                         k8s::Subresource subresource) override;
  env::Task<StatusOr<k8s::Json>> Apply(k8s::Resource resource, k8s::Json object,
                                       k8s::ApplyOptions options) override;
  env::Task<StatusOr<k8s::Json>> MergePatch(k8s::Resource resource, k8s::ObjectName name, k8s::Json patch,
                                            k8s::Subresource subresource) override;
  env::Task<Status> Delete(k8s::Resource resource, k8s::ObjectName name, k8s::DeleteOptions options) override;

  uint64_t faults_of_100 = 0;
  absl::Duration delay = absl::Milliseconds(2);
  int writes = 0;

 private:
  // What the fault of this write is.
  enum class Fault { kNone, kConflict, kLost, kAnswerLost };
  Fault Draw();
  env::Task<StatusOr<k8s::Json>> Write(env::Task<StatusOr<k8s::Json>> write);

  k8s::Client& inner_;
  env::Random& random_;
};

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

  // Begins to run turns of a reconciler, until StopOperator, which forgets all that it remembered.
  void StartOperator();
  void StopOperator();

  env::Executor& executor() { return *operator_node_.env().executors.front(); }
  kafka::client::Admin& admin() { return *admin_; }
  // Not through the operator's client.
  StatusOr<std::map<std::string, kafka::client::TopicDescription>> Topics();

  EventLog events;
  std::unique_ptr<FaultyClient> api;
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
