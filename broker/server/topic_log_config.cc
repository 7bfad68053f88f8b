#include "broker/server/topic_log_config.h"

#include <string_view>

namespace dohle::server {
namespace {

storage::CompressionPolicy Policy(std::string_view type) {
  if (type == "uncompressed") return storage::CompressionPolicy::kNone;
  if (type == "gzip") return storage::CompressionPolicy::kGzip;
  if (type == "snappy") return storage::CompressionPolicy::kSnappy;
  if (type == "lz4") return storage::CompressionPolicy::kLz4;
  if (type == "zstd") return storage::CompressionPolicy::kZstd;
  return storage::CompressionPolicy::kProducer;
}

}  // namespace

std::shared_ptr<const storage::LogConfig> LogConfigOf(const LoadedConfig& broker,
                                                      const metadata::MetadataImage& image,
                                                      std::string_view topic) {
  const metadata::ConfigMap& overrides = image.configs.Topic(topic);
  return std::make_shared<const storage::LogConfig>(
      ToLogConfig(MakeTopicConfig(overrides, broker.values), broker.config));
}

storage::LogConfig ToLogConfig(const TopicConfig& topic, const BrokerConfig& broker) {
  storage::LogConfig log;
  log.segment_bytes = topic.segment_bytes;
  log.segment_ms = topic.segment_ms;
  log.segment_jitter_ms = topic.segment_jitter_ms;
  log.segment_index_bytes = topic.segment_index_bytes;
  log.index_interval_bytes = topic.index_interval_bytes;
  log.flush_messages = topic.flush_messages;
  log.flush_ms = topic.flush_ms;
  log.cleanup_delete = topic.cleanup_delete;
  log.cleanup_compact = topic.cleanup_compact;
  log.retention_ms = topic.retention_ms;
  log.retention_bytes = topic.retention_bytes;
  log.file_delete_delay_ms = topic.file_delete_delay_ms;
  log.delete_retention_ms = topic.delete_retention_ms;
  log.min_compaction_lag_ms = topic.min_compaction_lag_ms;
  log.max_compaction_lag_ms = topic.max_compaction_lag_ms;
  log.min_cleanable_dirty_ratio = topic.min_cleanable_dirty_ratio;
  log.max_message_bytes = topic.max_message_bytes;
  log.compression = Policy(topic.compression_type);
  log.gzip_level = topic.compression_gzip_level;
  log.lz4_level = topic.compression_lz4_level;
  log.zstd_level = topic.compression_zstd_level;
  log.timestamp_type = topic.message_timestamp_log_append_time ? storage::TimestampType::kLogAppendTime
                                                               : storage::TimestampType::kCreateTime;
  log.timestamp_before_max_ms = topic.message_timestamp_before_max_ms;
  log.timestamp_after_max_ms = topic.message_timestamp_after_max_ms;
  log.min_in_sync_replicas = topic.min_insync_replicas;
  log.producer_id_expiration_ms = broker.transactions.producer_id_expiration_ms;
  return log;
}

}  // namespace dohle::server
