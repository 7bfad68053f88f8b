// What the operator measures of Kafka clusters, by looking every few seconds: lag of groups, rates of topics.
// For Topics' statuses and for metrics. One executor.
#pragma once

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
#include "operator/reconcile/topic/lag_collector.h"
#include "operator/reconcile/topic/topic_plan.h"
#include "operator/reconcile/topic_controller.h"
#include "operator/runtime/metrics.h"

namespace dohle {

// While there are few Topics (look_interval.h).
inline constexpr absl::Duration kMeasureInterval = absl::Seconds(5);

class Measurements : public reconcile::LagSink {
 public:
  // `metrics_pages` tells where the brokers of the Kafka cluster under a key show their metrics; empty for
  // clusters that aren't ours.
  using MetricsPages = std::function<std::vector<env::Endpoint>(const std::string& key)>;
  struct Options {
    env::Env& env;
    env::Executor& executor;
    MetricsPages metrics_pages;
    bool partition_metrics = true;  // show the lags of single partitions, at most 50,000 of a cluster
  };
  explicit Measurements(Options options) : options_(std::move(options)) {}

  // Looks at every cluster whose Topics are kept, until `stop`.
  env::Task<void> Run(reconcile::TopicController* topics, env::StopSignal* stop);
  // Nothing: nothing is known yet.
  std::optional<reconcile::TopicMeasures> Of(const std::string& key, const std::string& topic) const;

  // What was last seen of lag; null before.
  std::shared_ptr<const reconcile::LagSnapshot> Lag(const std::string& key) const {
    const auto found = clusters_.find(key);
    return found == clusters_.end() ? nullptr : found->second.lag;
  }

  void Collect(runtime::MetricSink& sink) const;

 private:
  struct Cluster {
    std::unique_ptr<reconcile::LagCollector> collector;
    std::shared_ptr<const reconcile::LagSnapshot> lag;
    reconcile::TopicByteRates rates;
    StringMap<int64_t> bytes;  // by topic, of all replicas
  };
  void Publish(const std::string& cluster, std::shared_ptr<const reconcile::LagSnapshot> snapshot) override;
  env::Task<void> Look(std::string key, std::shared_ptr<kafka::client::Admin> admin);
  env::Task<void> Scrape(std::string key, env::Endpoint endpoint);

  void CollectLags(runtime::MetricSink& sink) const;
  void CollectLargestLags(runtime::MetricSink& sink) const;
  void CollectRates(runtime::MetricSink& sink) const;

  const Options options_;
  std::map<std::string, Cluster> clusters_;  // by "NS/CLUSTER", or "NS/=" and bootstrap servers
};

}  // namespace dohle
