// What handlers work with. Made by the composition root; everything outlives every request. On a node that is
// a controller only, what brokers have is there as well, and idle.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/metadata/publisher.h"
#include "lib/base/ids.h"

namespace dohle::env {
struct Env;
}
namespace dohle::metadata {
class MetadataLog;
}  // namespace dohle::metadata
namespace dohle::controller {
class Controller;
}
namespace dohle::replica {
class PartitionRegistry;
class ReplicaSet;
}  // namespace dohle::replica
namespace dohle::coordinator {
class GroupCoordinator;
}

namespace dohle::server {

struct BrokerConfig;
class ControllerChannel;
class DepartedBrokers;
class FailureDetector;
class FetchSessionCache;
class ProducerIdAllocator;
struct ServerMetrics;
class LiveConfig;
class SuspectedBrokers;
class TopicMetricsTable;

// What requests may ask for at most, from the broker's configuration.
struct RequestLimits {
  int64_t fetch_max_bytes = 55 * 1024 * 1024;  // fetch.max.bytes
};

// Requests that wait for something, for metrics.
struct WaitingRequests {
  std::atomic<int64_t> fetches{0};
};

struct Services {
  env::Env& env;
  const NodeId node_id;
  const std::string cluster_id;
  const BrokerConfig& config;  // as started; what may change is in live_config
  LiveConfig& live_config;
  const RequestLimits limits;
  const metadata::MetadataCache& metadata;
  metadata::MetadataLog& metadata_log;
  controller::Controller& controller;     // this node's, active or not
  ControllerChannel& controller_channel;  // to the active one
  FailureDetector& failures;
  const DepartedBrokers& departed_brokers;
  SuspectedBrokers& suspected_brokers;
  replica::PartitionRegistry& partitions;
  replica::ReplicaSet& replicas;
  coordinator::GroupCoordinator& groups;
  ProducerIdAllocator& producer_ids;
  FetchSessionCache& fetch_sessions;
  const ServerMetrics& metrics;
  TopicMetricsTable& topic_metrics;
  WaitingRequests& waiting;
};

}  // namespace dohle::server
