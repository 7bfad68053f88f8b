// What a cluster says of itself over Kafka's protocol and its metrics pages: the part of the world that the
// API server doesn't know. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/task.h"
#include "operator/api/cluster.h"

namespace dohle::reconcile {

struct BrokerFacts {
  int32_t id = 0;
  std::string version;  // of its program; "" = unknown
  int64_t leaders = 0, replicas = 0, bytes = 0;
};

struct ClusterFacts {
  std::string cluster_id;
  std::vector<BrokerFacts> brokers;  // those that are registered and not fenced
  int64_t offline_partitions = 0, under_replicated_partitions = 0;
};

// Asks a cluster. The implementation of the operator is kafka_probe.h; tests have their own.
class ClusterProbe {
 public:
  virtual ~ClusterProbe() = default;
  // kUnavailable, kDeadlineExceeded: nobody answers at `bootstrap` ("host:port").
  virtual env::Task<StatusOr<ClusterFacts>> Ask(std::string bootstrap) = 0;
};

}  // namespace dohle::reconcile
