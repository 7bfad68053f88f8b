// Looks at the load of the topics that may grow by themselves, every second, and keeps what is decided of
// each. Growing them is the TopicReconciler's: it is told that there is news. One executor.
//
// Nothing here survives a restart of the operator, and nothing has to: some seconds later as much is known
// again, and partitions that were added are there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/stop_signal.h"
#include "operator/reconcile/topic/broker_bytes.h"
#include "operator/reconcile/topic/consumer_lag.h"
#include "operator/reconcile/topic/topic_scaling.h"
#include "operator/reconcile/topic_controller.h"

namespace dohle::reconcile::autoscaling {

// How often; less often where brokers' pages are so long that reading them would take more than this.
inline constexpr absl::Duration kPartitionLookInterval = absl::Seconds(1);
inline constexpr double kPageBytesPerSecond = 2 << 20;

class PartitionScaler {
 public:
  struct Parts {
    env::Env& env;
    env::Executor& executor;
    // Where the brokers of the Kafka cluster under a key show their metrics; empty for clusters that aren't
    // ours: of them lag is known, bytes aren't.
    std::function<std::vector<env::Endpoint>(const std::string& key)> metrics_pages;
    // What was last seen of lag; null before.
    std::function<std::shared_ptr<const LagSnapshot>(const std::string& key)> lag;
  };
  explicit PartitionScaler(Parts parts) : parts_(std::move(parts)) {}

  // Until `stop`. `topics` outlives it.
  env::Task<void> Run(TopicController* topics, env::StopSignal* stop);

  // Nothing: it has no autoscaling, or nothing is known yet.
  std::optional<TopicScaling> Of(const std::string& key, const std::string& topic) const;

 private:
  struct Topic {
    PartitionState state;
    TopicScaling scaling;
    int64_t asked_ms = 0;      // when scaling.partitions was last set
    bool has_records = false;  // once known, for good
  };
  struct Cluster {
    TopicByteRates rates;
    std::map<std::string, Topic, std::less<>> topics;
    std::shared_ptr<const LagSnapshot> lag;  // that was looked at last
    std::optional<int64_t> brokers_ms;       // when they were last counted
    int64_t brokers = 0;
    double page_bytes = 0;  // that the last look read
    int64_t next_ms = 0;
    bool busy = false;  // it is being looked at
  };
  using Topics = std::vector<kafka::client::TopicDescription>;
  using GroupsOfTopics = std::map<std::string, std::vector<GroupLag>, std::less<>>;
  using Names = std::map<std::string, const api::TopicAutoscaling*, std::less<>>;

  // What one look begins with.
  struct Sight {
    std::vector<TopicRef> resources;  // that have autoscaling
    std::shared_ptr<kafka::client::Admin> admin;
    int64_t replicas = 0;  // of all topics
  };
  env::Task<void> LookAndTell(std::string key, Sight sight, TopicController* topics, env::StopSignal* stop);
  // True: the reconciler has something to do.
  env::Task<bool> Look(std::string key, Sight sight);
  env::Task<bool> ReadPages(std::string key, const Names* names);
  env::Task<void> CountBrokers(Cluster* cluster, kafka::client::Admin* admin);
  env::Task<void> FindRecords(Cluster* cluster, kafka::client::Admin* admin, const Topics* topics,
                              const Names* names);
  GroupsOfTopics NewLag(const std::string& key, Cluster& cluster, const Topics& topics,
                        const Names& names) const;
  env::Task<void> CountConsumers(kafka::client::Admin* admin, GroupsOfTopics* topics, const Names* names);
  bool Decide(Topic& topic, const api::TopicAutoscaling& autoscaling, const PartitionObservation& seen);
  int64_t NowMs() const { return parts_.executor.clock().Now().nanoseconds() / 1'000'000; }

  const Parts parts_;
  std::map<std::string, Cluster> clusters_;
};

}  // namespace dohle::reconcile::autoscaling
