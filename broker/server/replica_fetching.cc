#include "broker/server/replica_fetching.h"

#include <utility>

#include "broker/replica/replica_set.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/metrics/server_metrics.h"

namespace dohle::server {

replica::FetcherOptions MakeFetcherOptions(const BrokerConfig& config, std::string inter_broker_listener,
                                           const metadata::MetadataCache& metadata,
                                           std::function<BrokerEpoch()> broker_epoch,
                                           replica::ReplicaSet& replicas) {
  const ReplicationConfig& replication = config.replication;
  replica::FetcherOptions options;
  options.plan.node_id = config.node_id;
  options.plan.partition_max_bytes = replication.replica_fetch_max_bytes;
  options.plan.response_max_bytes = replication.replica_fetch_response_max_bytes;
  options.plan.min_bytes = replication.replica_fetch_min_bytes;
  options.plan.max_wait_ms = replication.replica_fetch_wait_max_ms;
  options.plan.backoff_ms = replication.replica_fetch_backoff_ms;
  options.fetchers_per_leader = replication.num_replica_fetchers;
  options.socket_timeout = absl::Milliseconds(replication.replica_socket_timeout_ms);
  options.max_batch_bytes = static_cast<uint64_t>(config.network.socket_request_max_bytes);
  options.endpoint_of = [&metadata, listener = std::move(inter_broker_listener)](
                            NodeId leader) -> std::optional<env::Endpoint> {
    const metadata::ImagePtr image = metadata.Current();
    const metadata::BrokerRegistration* broker = image->cluster.Broker(leader);
    const metadata::ListenerEndpoint* endpoint = broker == nullptr ? nullptr : broker->Endpoint(listener);
    if (endpoint == nullptr) return std::nullopt;
    return env::Endpoint{endpoint->host, endpoint->port};
  };
  options.broker_epoch = std::move(broker_epoch);
  options.metadata_version = [&metadata] { return metadata.Current()->features.metadata_version(); };
  options.write_checkpoints = [&replicas] { return replicas.WriteCheckpoints(); };
  return options;
}

replica::FetcherCounters MakeFetcherCounters(const ServerMetrics& metrics) {
  return {metrics.replication_bytes_in};
}

}  // namespace dohle::server
