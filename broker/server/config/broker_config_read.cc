// From values to the typed BrokerConfig, one part of it each.
#include <algorithm>
#include <charconv>

#include "broker/server/config/broker_config_internal.h"

namespace dohle::server::internal {
namespace {

bool Has(const std::vector<std::string>& items, std::string_view item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

// The value was validated as host:port.
env::Endpoint EndpointOf(std::string_view text) {
  env::Endpoint endpoint;
  const size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  endpoint.host = std::string(host);
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), endpoint.port);
  return endpoint;
}

}  // namespace

NetworkConfig ReadNetwork(const EffectiveValues& v) {
  NetworkConfig c;
  c.max_connections = v.Int32("max.connections");
  c.max_connections_per_ip = v.Int32("max.connections.per.ip");
  c.connections_max_idle_ms = v.Int("connections.max.idle.ms");
  c.socket_request_max_bytes = v.Int32("socket.request.max.bytes");
  c.fetch_max_bytes = v.Int32("fetch.max.bytes");
  c.max_incremental_fetch_session_cache_slots = v.Int32("max.incremental.fetch.session.cache.slots");
  c.max_request_partition_size_limit = v.Int32("max.request.partition.size.limit");
  c.request_timeout_ms = v.Int32("request.timeout.ms");
  c.socket_connection_setup_timeout_ms = v.Int("socket.connection.setup.timeout.ms");
  return c;
}

LogsConfig ReadLogs(const EffectiveValues& v) {
  LogsConfig c;
  c.log_dirs = v.List("log.dirs");
  if (c.log_dirs.empty()) c.log_dirs = v.List("log.dir");
  c.cordoned_log_dirs = v.List("cordoned.log.dirs");
  c.num_recovery_threads_per_data_dir = v.Int32("num.recovery.threads.per.data.dir");
  c.log_retention_check_interval_ms = v.Int("log.retention.check.interval.ms");
  c.log_flush_offset_checkpoint_interval_ms = v.Int32("log.flush.offset.checkpoint.interval.ms");
  c.log_flush_start_offset_checkpoint_interval_ms = v.Int32("log.flush.start.offset.checkpoint.interval.ms");
  c.log_flush_scheduler_interval_ms = v.Int("log.flush.scheduler.interval.ms");
  c.log_initial_task_delay_ms = v.Int("log.initial.task.delay.ms");
  c.log_dir_failure_timeout_ms = v.Int("log.dir.failure.timeout.ms");
  c.log_cleaner_enable = v.Bool("log.cleaner.enable");
  c.log_cleaner_threads = v.Int32("log.cleaner.threads");
  c.log_cleaner_backoff_ms = v.Int("log.cleaner.backoff.ms");
  c.log_cleaner_dedupe_buffer_size = v.Int("log.cleaner.dedupe.buffer.size");
  c.log_cleaner_io_buffer_size = v.Int32("log.cleaner.io.buffer.size");
  c.log_cleaner_io_buffer_load_factor = v.Double("log.cleaner.io.buffer.load.factor");
  c.log_cleaner_io_max_bytes_per_second = v.Double("log.cleaner.io.max.bytes.per.second");
  return c;
}

ReplicationConfig ReadReplication(const EffectiveValues& v) {
  ReplicationConfig c;
  c.num_replica_fetchers = v.Int32("num.replica.fetchers");
  c.replica_fetch_backoff_ms = v.Int32("replica.fetch.backoff.ms");
  c.replica_fetch_max_bytes = v.Int32("replica.fetch.max.bytes");
  c.replica_fetch_min_bytes = v.Int32("replica.fetch.min.bytes");
  c.replica_fetch_response_max_bytes = v.Int32("replica.fetch.response.max.bytes");
  c.replica_fetch_wait_max_ms = v.Int32("replica.fetch.wait.max.ms");
  c.replica_high_watermark_checkpoint_interval_ms = v.Int("replica.high.watermark.checkpoint.interval.ms");
  c.replica_lag_time_max_ms = v.Int("replica.lag.time.max.ms");
  c.replica_socket_timeout_ms = v.Int32("replica.socket.timeout.ms");
  c.rack_aware_replica_selector = v.OptionalString("replica.selector.class") == kRackAwareSelector;
  c.leader_throttled_rate = v.Int("leader.replication.throttled.rate");
  c.follower_throttled_rate = v.Int("follower.replication.throttled.rate");
  return c;
}

QuorumConfig ReadQuorum(const EffectiveValues& v) {
  QuorumConfig c;
  for (const std::string& text : v.List("controller.quorum.voters")) {
    const size_t at = text.find('@');
    QuorumVoter voter;
    voter.id = NodeId(static_cast<int32_t>(std::strtol(text.c_str(), nullptr, 10)));
    voter.endpoint = EndpointOf(std::string_view(text).substr(at + 1));
    c.voters.push_back(std::move(voter));
  }
  for (const std::string& text : v.List("controller.quorum.bootstrap.servers")) {
    c.bootstrap_servers.push_back(EndpointOf(text));
  }
  c.standalone =
      c.voters.empty() && c.bootstrap_servers.empty() && Has(v.List("process.roles"), "controller");
  c.auto_join_enable = v.Bool("controller.quorum.auto.join.enable");
  c.election_timeout_ms = v.Int32("controller.quorum.election.timeout.ms");
  c.election_backoff_max_ms = v.Int32("controller.quorum.election.backoff.max.ms");
  c.fetch_timeout_ms = v.Int32("controller.quorum.fetch.timeout.ms");
  c.fetch_max_bytes = v.Int32("controller.quorum.fetch.max.bytes");
  c.fetch_snapshot_max_bytes = v.Int32("controller.quorum.fetch.snapshot.max.bytes");
  c.append_linger_ms = v.Int32("controller.quorum.append.linger.ms");
  c.request_timeout_ms = v.Int32("controller.quorum.request.timeout.ms");
  c.retry_backoff_ms = v.Int32("controller.quorum.retry.backoff.ms");
  return c;
}

MetadataLogConfig ReadMetadataLog(const EffectiveValues& v, const LogsConfig& logs) {
  MetadataLogConfig c;
  c.dir = v.OptionalString("metadata.log.dir").value_or(logs.log_dirs.front());
  c.segment_bytes = static_cast<int32_t>(
      v.OptionalInt("internal.metadata.log.segment.bytes").value_or(v.Int("metadata.log.segment.bytes")));
  c.segment_ms = v.Int("metadata.log.segment.ms");
  c.max_record_bytes_between_snapshots = v.Int("metadata.log.max.record.bytes.between.snapshots");
  c.max_snapshot_interval_ms = v.Int("metadata.log.max.snapshot.interval.ms");
  c.max_idle_interval_ms = v.Int32("metadata.max.idle.interval.ms");
  c.max_retention_bytes = v.Int("metadata.max.retention.bytes");
  c.max_retention_ms = v.Int("metadata.max.retention.ms");
  c.delete_delay_ms = v.Int("internal.metadata.delete.delay.millis");
  c.max_batch_size_in_bytes = v.Int32("internal.metadata.max.batch.size.in.bytes");
  return c;
}

ControllerConfig ReadController(const EffectiveValues& v) {
  ControllerConfig c;
  c.broker_heartbeat_interval_ms = v.Int32("broker.heartbeat.interval.ms");
  c.broker_session_timeout_ms = v.Int32("broker.session.timeout.ms");
  c.initial_broker_registration_timeout_ms = v.Int32("initial.broker.registration.timeout.ms");
  c.controller_socket_timeout_ms = v.Int32("controller.socket.timeout.ms");
  c.controlled_shutdown_enable = v.Bool("controlled.shutdown.enable");
  c.auto_leader_rebalance_enable = v.Bool("auto.leader.rebalance.enable");
  c.leader_imbalance_check_interval_seconds = v.Int("leader.imbalance.check.interval.seconds");
  c.unclean_leader_election_interval_ms = v.Int("unclean.leader.election.interval.ms");
  return c;
}

GroupsConfig ReadGroups(const EffectiveValues& v) {
  GroupsConfig c;
  c.offsets_topic = {v.Int32("offsets.topic.num.partitions"),
                     static_cast<int16_t>(v.Int("offsets.topic.replication.factor")),
                     v.Int32("offsets.topic.segment.bytes")};
  c.offsets_topic_compression_codec = v.Int32("offsets.topic.compression.codec");
  c.offset_metadata_max_bytes = v.Int32("offset.metadata.max.bytes");
  c.offsets_commit_timeout_ms = v.Int32("offsets.commit.timeout.ms");
  c.offsets_retention_check_interval_ms = v.Int("offsets.retention.check.interval.ms");
  c.offsets_retention_minutes = v.Int32("offsets.retention.minutes");
  c.initial_rebalance_delay_ms = v.Int32("group.initial.rebalance.delay.ms");
  c.min_session_timeout_ms = v.Int32("group.min.session.timeout.ms");
  c.max_session_timeout_ms = v.Int32("group.max.session.timeout.ms");
  c.max_size = v.Int32("group.max.size");
  c.coordinator_append_linger_ms = v.Int32("group.coordinator.append.linger.ms");
  const auto protocols = v.List("group.coordinator.rebalance.protocols");
  c.classic_protocol = Has(protocols, "classic");
  c.consumer_protocol = Has(protocols, "consumer");
  c.consumer_session_timeout_ms = v.Int32("group.consumer.session.timeout.ms");
  c.consumer_min_session_timeout_ms = v.Int32("group.consumer.min.session.timeout.ms");
  c.consumer_max_session_timeout_ms = v.Int32("group.consumer.max.session.timeout.ms");
  c.consumer_heartbeat_interval_ms = v.Int32("group.consumer.heartbeat.interval.ms");
  c.consumer_min_heartbeat_interval_ms = v.Int32("group.consumer.min.heartbeat.interval.ms");
  c.consumer_max_heartbeat_interval_ms = v.Int32("group.consumer.max.heartbeat.interval.ms");
  c.consumer_assignment_interval_ms = v.Int32("group.consumer.assignment.interval.ms");
  c.consumer_max_size = v.Int32("group.consumer.max.size");
  c.consumer_regex_refresh_interval_ms = v.Int32("group.consumer.regex.refresh.interval.ms");
  c.consumer_assignors = v.List("group.consumer.assignors");
  c.consumer_migration_policy = v.String("group.consumer.migration.policy");
  for (char& x : c.consumer_migration_policy) x = x >= 'a' && x <= 'z' ? static_cast<char>(x - 32) : x;
  return c;
}

TransactionsConfig ReadTransactions(const EffectiveValues& v) {
  TransactionsConfig c;
  c.state_log = {v.Int32("transaction.state.log.num.partitions"),
                 static_cast<int16_t>(v.Int("transaction.state.log.replication.factor")),
                 v.Int32("transaction.state.log.segment.bytes")};
  c.state_log_min_isr = v.Int32("transaction.state.log.min.isr");
  c.max_timeout_ms = v.Int32("transaction.max.timeout.ms");
  c.transactional_id_expiration_ms = v.Int32("transactional.id.expiration.ms");
  c.abort_timed_out_cleanup_interval_ms =
      v.Int32("transaction.abort.timed.out.transaction.cleanup.interval.ms");
  c.remove_expired_cleanup_interval_ms =
      v.Int32("transaction.remove.expired.transaction.cleanup.interval.ms");
  c.partition_verification_enable = v.Bool("transaction.partition.verification.enable");
  c.producer_id_expiration_ms = v.Int32("producer.id.expiration.ms");
  c.producer_id_expiration_check_interval_ms = v.Int32("producer.id.expiration.check.interval.ms");
  c.add_partitions_retry_backoff_ms = v.Int32("add.partitions.to.txn.retry.backoff.ms");
  c.add_partitions_retry_backoff_max_ms = v.Int32("add.partitions.to.txn.retry.backoff.max.ms");
  return c;
}

QuotasConfig ReadQuotas(const EffectiveValues& v) {
  QuotasConfig c;
  c.client = {v.Int32("quota.window.num"), v.Int32("quota.window.size.seconds")};
  c.controller = {v.Int32("controller.quota.window.num"), v.Int32("controller.quota.window.size.seconds")};
  c.replication = {v.Int32("replication.quota.window.num"), v.Int32("replication.quota.window.size.seconds")};
  return c;
}

DohleConfig ReadDohle(const EffectiveValues& v) {
  DohleConfig c;
  c.metrics_port = v.Int32("metrics.port");
  c.metrics_host = v.String("metrics.host");
  c.log_level = v.String("dohle.log.level");
  c.log_format = v.String("dohle.log.format");
  c.event_loops = v.Int32("dohle.event.loops");
  c.io_threads = v.Int32("dohle.io.threads");
  return c;
}

}  // namespace dohle::server::internal
