// The configuration of this broker, typed: what server.properties, --override and the defaults come to, and
// what it becomes by dynamic configuration. Immutable once made; any thread.
//
//   auto properties = ParseProperties(text);                    // or an empty map: every key has a default
//   ApplyOverrides(overrides, *properties);
//   auto loaded = LoadBrokerConfig(*properties);                // kInvalidArgument: a sentence for the user
//   for (const std::string& warning : loaded->warnings) log::Warning("config", "{}", warning);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/server/config/effective_values.h"
#include "broker/server/config/listener_config.h"
#include "broker/server/config/topic_config.h"
#include "lib/base/ids.h"
#include "lib/env/transport.h"

namespace dohle::server {

// Fields carry the names of their keys; units last.
struct NetworkConfig {
  int32_t max_connections = 0;  // over all listeners
  int32_t max_connections_per_ip = 0;
  std::map<std::string, int32_t, std::less<>> max_connections_per_ip_overrides;
  int64_t connections_max_idle_ms = 0;
  int32_t socket_request_max_bytes = 0;
  int32_t fetch_max_bytes = 0;
  int32_t max_incremental_fetch_session_cache_slots = 0;
  int32_t max_request_partition_size_limit = 0;
  int32_t request_timeout_ms = 0;
  int64_t socket_connection_setup_timeout_ms = 0;
};

struct LogsConfig {
  std::vector<std::string> log_dirs;
  std::vector<std::string> cordoned_log_dirs;  // "*": all
  int32_t num_recovery_threads_per_data_dir = 0;
  int64_t log_retention_check_interval_ms = 0;
  int32_t log_flush_offset_checkpoint_interval_ms = 0;
  int32_t log_flush_start_offset_checkpoint_interval_ms = 0;
  int64_t log_flush_scheduler_interval_ms = 0;
  int64_t log_initial_task_delay_ms = 0;
  int64_t log_dir_failure_timeout_ms = 0;
  bool log_cleaner_enable = true;
  int32_t log_cleaner_threads = 0;
  int64_t log_cleaner_backoff_ms = 0;
  int64_t log_cleaner_dedupe_buffer_size = 0;
  int32_t log_cleaner_io_buffer_size = 0;
  double log_cleaner_io_buffer_load_factor = 0;
  double log_cleaner_io_max_bytes_per_second = 0;
};

struct ReplicationConfig {
  int32_t num_replica_fetchers = 0;
  int32_t replica_fetch_backoff_ms = 0;
  int32_t replica_fetch_max_bytes = 0;
  int32_t replica_fetch_min_bytes = 0;
  int32_t replica_fetch_response_max_bytes = 0;
  int32_t replica_fetch_wait_max_ms = 0;
  int64_t replica_high_watermark_checkpoint_interval_ms = 0;
  int64_t replica_lag_time_max_ms = 0;
  int32_t replica_socket_timeout_ms = 0;
  bool rack_aware_replica_selector = false;  // replica.selector.class
  int64_t leader_throttled_rate = INT64_MAX;
  int64_t follower_throttled_rate = INT64_MAX;
};

struct QuorumVoter {
  NodeId id;
  env::Endpoint endpoint;
};

struct QuorumConfig {
  std::vector<QuorumVoter> voters;  // static quorum; empty: dynamic or standalone
  std::vector<env::Endpoint> bootstrap_servers;
  bool standalone = false;  // no voters, no bootstrap servers, controller role: a quorum of this node alone
  bool auto_join_enable = false;
  int32_t election_timeout_ms = 0;
  int32_t election_backoff_max_ms = 0;
  int32_t fetch_timeout_ms = 0;
  int32_t fetch_max_bytes = 0;
  int32_t fetch_snapshot_max_bytes = 0;
  int32_t append_linger_ms = 0;
  int32_t request_timeout_ms = 0;
  int32_t retry_backoff_ms = 0;
};

struct MetadataLogConfig {
  std::string dir;  // the first of log.dirs when metadata.log.dir is not set
  int32_t segment_bytes = 0;
  int64_t segment_ms = 0;
  int64_t max_record_bytes_between_snapshots = 0;
  int64_t max_snapshot_interval_ms = 0;
  int32_t max_idle_interval_ms = 0;
  int64_t max_retention_bytes = 0;
  int64_t max_retention_ms = 0;
  int64_t delete_delay_ms = 0;
  int32_t max_batch_size_in_bytes = 0;
};

struct ControllerConfig {
  int32_t broker_heartbeat_interval_ms = 0;
  int32_t broker_session_timeout_ms = 0;
  int32_t initial_broker_registration_timeout_ms = 0;
  int32_t controller_socket_timeout_ms = 0;
  bool controlled_shutdown_enable = true;
  bool auto_leader_rebalance_enable = true;
  int64_t leader_imbalance_check_interval_seconds = 0;
  int64_t unclean_leader_election_interval_ms = 0;
};

struct InternalTopicConfig {
  int32_t num_partitions = 0;
  int16_t replication_factor = 0;
  int32_t segment_bytes = 0;
};

struct GroupsConfig {
  InternalTopicConfig offsets_topic;
  int32_t offsets_topic_compression_codec = 0;
  int32_t offset_metadata_max_bytes = 0;
  int32_t offsets_commit_timeout_ms = 0;
  int64_t offsets_retention_check_interval_ms = 0;
  int32_t offsets_retention_minutes = 0;
  int32_t initial_rebalance_delay_ms = 0;
  int32_t min_session_timeout_ms = 0;
  int32_t max_session_timeout_ms = 0;
  int32_t max_size = 0;
  int32_t coordinator_append_linger_ms = 0;
  bool classic_protocol = true;  // group.coordinator.rebalance.protocols
  bool consumer_protocol = true;
  int32_t consumer_session_timeout_ms = 0;
  int32_t consumer_min_session_timeout_ms = 0;
  int32_t consumer_max_session_timeout_ms = 0;
  int32_t consumer_heartbeat_interval_ms = 0;
  int32_t consumer_min_heartbeat_interval_ms = 0;
  int32_t consumer_max_heartbeat_interval_ms = 0;
  int32_t consumer_assignment_interval_ms = 0;
  int32_t consumer_max_size = 0;
  int32_t consumer_regex_refresh_interval_ms = 0;
  std::vector<std::string> consumer_assignors;  // the first is the default
  std::string consumer_migration_policy;        // upper case
};

struct TransactionsConfig {
  InternalTopicConfig state_log;
  int32_t state_log_min_isr = 0;
  int32_t max_timeout_ms = 0;
  int32_t transactional_id_expiration_ms = 0;
  int32_t abort_timed_out_cleanup_interval_ms = 0;
  int32_t remove_expired_cleanup_interval_ms = 0;
  bool partition_verification_enable = true;
  int32_t producer_id_expiration_ms = 0;
  int32_t producer_id_expiration_check_interval_ms = 0;
  int32_t add_partitions_retry_backoff_ms = 0;
  int32_t add_partitions_retry_backoff_max_ms = 0;
};

struct QuotaWindow {
  int32_t num = 0;
  int32_t size_seconds = 0;
};

struct QuotasConfig {
  QuotaWindow client;
  QuotaWindow controller;
  QuotaWindow replication;
};

// What Apache Kafka has no key for.
struct DohleConfig {
  int32_t metrics_port = 9404;  // -1: none; 0: the system chooses
  std::string metrics_host;
  std::string log_level;
  std::string log_format;
  int32_t event_loops = 0;  // 0: one for each core
  int32_t io_threads = 0;   // 0: the broker chooses
};

struct BrokerConfig {
  NodeId node_id;
  bool broker_role = true;  // process.roles: at least one of both
  bool controller_role = true;
  std::optional<std::string> rack;
  ListenersConfig listeners;
  int32_t num_partitions = 0;
  int32_t default_replication_factor = 0;
  bool auto_create_topics_enable = true;
  bool delete_topic_enable = true;
  TopicConfig topic_defaults;
  NetworkConfig network;
  LogsConfig logs;
  ReplicationConfig replication;
  QuorumConfig quorum;
  MetadataLogConfig metadata_log;
  ControllerConfig controller;
  GroupsConfig groups;
  TransactionsConfig transactions;
  QuotasConfig quotas;
  DohleConfig dohle;
};

struct LoadedConfig {
  ConfigMap static_values;  // what is set, with node.id, broker.id and what a standalone node sets for itself
  std::vector<std::string> warnings;  // unknown keys, with the name that was probably meant
  EffectiveValues values;
  BrokerConfig config;
};

// Everything that server.properties may say. Unknown keys are warnings; a value that is not allowed, and a
// key that Dohle can't honour and must not ignore, is kInvalidArgument.
StatusOr<LoadedConfig> LoadBrokerConfig(ConfigMap properties);

// Typed from parsed values; checks that the values fit together.
StatusOr<BrokerConfig> MakeBrokerConfig(const EffectiveValues& values);

}  // namespace dohle::server
