// What a topic's configuration means to its logs. One immutable value per topic, shared by its partitions;
// names and defaults are Kafka's (topic configs, 4.3). Units are part of the names; -1 means «no limit»
// where Kafka says so.
#pragma once

#include <cstdint>
#include <optional>

namespace dohle::storage {

enum class TimestampType : uint8_t { kCreateTime, kLogAppendTime };

// compression.type: «producer» keeps what came, anything else is stored so.
enum class CompressionPolicy : int8_t {
  kProducer = -1,
  kNone = 0,
  kGzip = 1,
  kSnappy = 2,
  kLz4 = 3,
  kZstd = 4
};

struct LogConfig {
  // Segments
  int32_t segment_bytes = 1 << 30;                     // segment.bytes
  int64_t segment_ms = int64_t{7} * 24 * 3600 * 1000;  // segment.ms
  int64_t segment_jitter_ms = 0;                       // segment.jitter.ms
  int32_t segment_index_bytes = 10 << 20;              // segment.index.bytes
  int32_t index_interval_bytes = 4096;                 // index.interval.bytes

  // Flushing. INT64_MAX: left to the background flush.
  int64_t flush_messages = INT64_MAX;  // flush.messages
  int64_t flush_ms = INT64_MAX;        // flush.ms

  // Retention
  bool cleanup_delete = true;                            // cleanup.policy contains «delete»
  bool cleanup_compact = false;                          // cleanup.policy contains «compact»
  int64_t retention_ms = int64_t{7} * 24 * 3600 * 1000;  // retention.ms, -1: for ever
  int64_t retention_bytes = -1;                          // retention.bytes, -1: without bound
  int64_t file_delete_delay_ms = 60'000;                 // file.delete.delay.ms

  // Compaction
  int64_t delete_retention_ms = int64_t{24} * 3600 * 1000;  // delete.retention.ms
  int64_t min_compaction_lag_ms = 0;                        // min.compaction.lag.ms
  int64_t max_compaction_lag_ms = INT64_MAX;                // max.compaction.lag.ms
  double min_cleanable_dirty_ratio = 0.5;                   // min.cleanable.dirty.ratio

  // Records
  int32_t max_message_bytes = 1024 * 1024 + 12;                  // max.message.bytes
  CompressionPolicy compression = CompressionPolicy::kProducer;  // compression.type
  int gzip_level = -1;                                           // compression.gzip.level
  int lz4_level = 9;                                             // compression.lz4.level
  int zstd_level = 3;                                            // compression.zstd.level
  TimestampType timestamp_type = TimestampType::kCreateTime;     // message.timestamp.type
  int64_t timestamp_before_max_ms = INT64_MAX;                   // message.timestamp.before.max.ms
  int64_t timestamp_after_max_ms = 3'600'000;                    // message.timestamp.after.max.ms

  // Producers; broker-wide in Kafka (producer.id.expiration.ms, transactional.id… don't concern a log).
  int64_t producer_id_expiration_ms = 86'400'000;

  // Replication
  int32_t min_in_sync_replicas = 1;  // min.insync.replicas

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

}  // namespace dohle::storage
