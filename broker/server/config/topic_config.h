// The configuration of one topic, typed: its overrides over what the broker's log.* keys say. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/config/effective_values.h"

namespace dohle::server {

// Names and units are Kafka's; -1 for retention means without limit.
struct TopicConfig {
  bool cleanup_compact = false;
  bool cleanup_delete = true;
  std::string compression_type = "producer";  // producer, uncompressed, gzip, snappy, lz4, zstd
  int32_t compression_gzip_level = -1;
  int32_t compression_lz4_level = 9;
  int32_t compression_zstd_level = 3;
  int64_t delete_retention_ms = 86400000;
  int64_t file_delete_delay_ms = 60000;
  int64_t flush_messages = INT64_MAX;
  int64_t flush_ms = INT64_MAX;
  std::vector<std::string> follower_replication_throttled_replicas;
  std::vector<std::string> leader_replication_throttled_replicas;
  int32_t index_interval_bytes = 4096;
  int64_t max_compaction_lag_ms = INT64_MAX;
  int32_t max_message_bytes = 1048588;
  int64_t message_timestamp_after_max_ms = 3600000;
  int64_t message_timestamp_before_max_ms = INT64_MAX;
  bool message_timestamp_log_append_time = false;
  double min_cleanable_dirty_ratio = 0.5;
  int64_t min_compaction_lag_ms = 0;
  int32_t min_insync_replicas = 1;
  bool preallocate = false;
  int64_t retention_bytes = -1;
  int64_t retention_ms = 604800000;
  int32_t segment_bytes = 1073741824;  // internal.segment.bytes counts when it is set
  int32_t segment_index_bytes = 10485760;
  int64_t segment_jitter_ms = 0;
  int64_t segment_ms = 604800000;
  bool unclean_leader_election_enable = false;

  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

// The value that a topic without overrides has for each topic key; null values are absent.
ConfigMap TopicDefaults(const EffectiveValues& broker);

// `overrides` come from the metadata image and were validated when they were set; what is not valid any more
// (a key that was removed, a value that a newer release took) is left out, and the default counts.
TopicConfig MakeTopicConfig(const ConfigMap& overrides, const EffectiveValues& broker);

// What CreateTopics and AlterConfigs check before a topic gets `overrides` (all of them, not only what
// changes). kInvalidArgument with Kafka's message, for INVALID_CONFIG.
Status ValidateTopicOverrides(const ConfigMap& overrides, const EffectiveValues& broker);

// The broker key that a topic key defaults to, most preferred first ("retention.ms": "log.retention.ms",
// "log.retention.minutes", "log.retention.hours"); none for keys that only topics have.
std::vector<std::string_view> BrokerSynonymsOfTopicKey(std::string_view topic_key);

}  // namespace dohle::server
