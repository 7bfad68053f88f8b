// Asks a cluster for what lag is made of: its groups, what they have committed, and where partitions end.
//
// On the executor of the admin. Looks don't overlap.
#pragma once

#include <string>

#include "lib/env/task.h"
#include "lib/kafka/client/admin.h"
#include "operator/reconcile/topic/consumer_lag.h"

namespace dohle::reconcile {

class LagCollector {
 public:
  // `sink` outlives it. `cluster` names the cluster in what is published.
  LagCollector(std::string cluster, LagSink& sink, size_t most_lags = 50'000)
      : cluster_(std::move(cluster)), sink_(sink), lag_(most_lags) {}

  // One look, published even if some brokers didn't answer; the status is that of the first that didn't.
  env::Task<Status> CollectOnce(kafka::client::Admin* admin, int64_t now_ms);

 private:
  const std::string cluster_;
  LagSink& sink_;
  ConsumerLag lag_;
};

}  // namespace dohle::reconcile
