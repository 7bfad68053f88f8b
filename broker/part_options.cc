#include "broker/part_options.h"

#include <algorithm>
#include <utility>

namespace dohle {

std::vector<metadata::ListenerEndpoint> ToEndpoints(const std::vector<server::ListenerConfig>& listeners) {
  std::vector<metadata::ListenerEndpoint> endpoints;
  for (const server::ListenerConfig& listener : listeners) {
    endpoints.push_back({listener.name, listener.endpoint.host, listener.endpoint.port,
                         static_cast<int16_t>(listener.protocol)});
  }
  return endpoints;
}

metadata::MetadataLogOptions ToMetadataLogOptions(const server::BrokerConfig& config,
                                                  const std::vector<metadata::ListenerEndpoint>& endpoints) {
  metadata::MetadataLogOptions options;
  options.log_dir = config.metadata_log.dir;
  options.node_id = config.node_id;
  options.is_controller = config.controller_role;
  for (const metadata::ListenerEndpoint& endpoint : endpoints) {
    options.controller_endpoints.push_back({endpoint.name, endpoint.host, endpoint.port});
  }
  const auto& names = config.listeners.controller_listener_names;
  options.bootstrap_servers = config.quorum.bootstrap_servers;
  for (const server::QuorumVoter& voter : config.quorum.voters) {
    raft::Voter one;
    one.key.id = voter.id;
    one.endpoints.push_back(
        {names.empty() ? "CONTROLLER" : names.front(), voter.endpoint.host, voter.endpoint.port});
    options.static_voters.voters.push_back(std::move(one));
    if (config.quorum.bootstrap_servers.empty()) options.bootstrap_servers.push_back(voter.endpoint);
  }
  std::sort(options.static_voters.voters.begin(), options.static_voters.voters.end(),
            [](const raft::Voter& a, const raft::Voter& b) { return a.key.id < b.key.id; });
  const server::QuorumConfig& quorum = config.quorum;
  options.timeouts.election_timeout_ms = quorum.election_timeout_ms;
  options.timeouts.election_backoff_max_ms = quorum.election_backoff_max_ms;
  options.timeouts.fetch_timeout_ms = quorum.fetch_timeout_ms;
  options.timeouts.request_timeout_ms = quorum.request_timeout_ms;
  options.timeouts.retry_backoff_ms = quorum.retry_backoff_ms;
  const server::MetadataLogConfig& log = config.metadata_log;
  options.config.segment_bytes = log.segment_bytes;
  options.config.segment_ms = log.segment_ms;
  options.config.max_record_bytes_between_snapshots = log.max_record_bytes_between_snapshots;
  options.config.max_snapshot_interval_ms = log.max_snapshot_interval_ms;
  options.config.max_retention_bytes = log.max_retention_bytes;
  options.config.max_retention_ms = log.max_retention_ms;
  options.config.max_idle_interval_ms = log.max_idle_interval_ms;
  return options;
}

controller::ControllerConfig ToControllerConfig(const server::BrokerConfig& config,
                                                std::vector<metadata::ListenerEndpoint> endpoints) {
  controller::ControllerConfig options;
  options.node_id = config.node_id;
  options.log_dir = config.metadata_log.dir;
  options.default_num_partitions = config.num_partitions;
  options.default_replication_factor = static_cast<int16_t>(config.default_replication_factor);
  options.default_min_insync_replicas = config.topic_defaults.min_insync_replicas;
  options.session_timeout_ms = config.controller.broker_session_timeout_ms;
  options.unclean_leader_election = config.topic_defaults.unclean_leader_election_enable;
  options.unclean_leader_election_interval_ms = config.controller.unclean_leader_election_interval_ms;
  options.auto_leader_rebalance = config.controller.auto_leader_rebalance_enable;
  options.leader_imbalance_check_interval_ms =
      config.controller.leader_imbalance_check_interval_seconds * 1000;
  options.endpoints = std::move(endpoints);
  return options;
}

server::ControllerChannelOptions ToChannelOptions(const server::BrokerConfig& config) {
  server::ControllerChannelOptions options;
  options.client_id = fmt::format("{}", config.node_id.value());
  options.listener_names = config.listeners.controller_listener_names;
  options.request_timeout = absl::Milliseconds(config.controller.controller_socket_timeout_ms);
  return options;
}

coordinator::GroupConfig ToGroupConfig(const server::BrokerConfig& config) {
  coordinator::GroupConfig groups;
  groups.offsets_topic_num_partitions = config.groups.offsets_topic.num_partitions;
  groups.offset_metadata_max_bytes = config.groups.offset_metadata_max_bytes;
  groups.offsets_retention_minutes = config.groups.offsets_retention_minutes;
  groups.offsets_retention_check_interval_ms = config.groups.offsets_retention_check_interval_ms;
  groups.offsets_commit_timeout_ms = config.groups.offsets_commit_timeout_ms;
  groups.group_min_session_timeout_ms = config.groups.min_session_timeout_ms;
  groups.group_max_session_timeout_ms = config.groups.max_session_timeout_ms;
  groups.group_initial_rebalance_delay_ms = config.groups.initial_rebalance_delay_ms;
  groups.group_max_size = config.groups.max_size;
  return groups;
}

replica::ReplicaSetOptions ToReplicaSetOptions(const server::BrokerConfig& config, size_t executors) {
  replica::ReplicaSetOptions options;
  options.node_id = config.node_id;
  options.recovery_threads =
      std::max(config.logs.num_recovery_threads_per_data_dir, static_cast<int32_t>(executors));
  const int64_t cleaners = std::max<int64_t>(1, config.logs.log_cleaner_threads);
  options.cleaner_memory_bytes = static_cast<uint64_t>(config.logs.log_cleaner_dedupe_buffer_size / cleaners);
  return options;
}

replica::FetcherOptions ToFetcherOptions(const server::BrokerConfig& config) {
  const server::ReplicationConfig& replication = config.replication;
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
  return options;
}

replica::MaintenanceOptions ToMaintenanceOptions(const server::BrokerConfig& config) {
  replica::MaintenanceOptions options;
  options.retention_check_interval = absl::Milliseconds(config.logs.log_retention_check_interval_ms);
  options.checkpoint_interval = absl::Milliseconds(config.logs.log_flush_offset_checkpoint_interval_ms);
  options.initial_delay = absl::Milliseconds(config.logs.log_initial_task_delay_ms);
  options.clean_logs = config.logs.log_cleaner_enable;
  options.cleaning_interval = absl::Milliseconds(config.logs.log_cleaner_backoff_ms);
  options.follower_check_interval = absl::Milliseconds(config.replication.replica_lag_time_max_ms) / 2;
  return options;
}

server::KafkaServerOptions ToServerOptions(const server::LoadedConfig& config,
                                           const std::vector<server::ListenerConfig>& listeners) {
  server::KafkaServerOptions options;
  for (const server::ListenerConfig& listener : listeners) {
    options.listeners.push_back({listener.name, listener.endpoint});
  }
  const server::NetworkConfig& network = config.config.network;
  options.max_frame_bytes = static_cast<size_t>(network.socket_request_max_bytes);
  options.send_buffer_bytes = config.values.Int32("socket.send.buffer.bytes");
  options.receive_buffer_bytes = config.values.Int32("socket.receive.buffer.bytes");
  options.max_connections = network.max_connections;
  options.max_idle_time = absl::Milliseconds(network.connections_max_idle_ms);
  return options;
}

}  // namespace dohle
