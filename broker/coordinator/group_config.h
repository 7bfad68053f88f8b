// The broker properties that rule consumer groups, with Kafka's defaults (GroupCoordinatorConfig of 4.3.1).
#pragma once

#include <cstdint>

namespace dohle::coordinator {

struct GroupConfig {
  // offsets.topic.num.partitions; if the topic exists, as many as it has.
  int32_t offsets_topic_num_partitions = 50;
  int32_t offset_metadata_max_bytes = 4096;                  // offset.metadata.max.bytes
  int64_t offsets_retention_minutes = int64_t{7} * 24 * 60;  // offsets.retention.minutes
  int64_t offsets_retention_check_interval_ms = 600'000;     // offsets.retention.check.interval.ms
  int32_t offsets_commit_timeout_ms = 5'000;           // offsets.commit.timeout.ms: longest wait for a write
  int32_t offsets_load_buffer_size = 5 * 1024 * 1024;  // offsets.load.buffer.size: bytes a read while loading
  int32_t group_min_session_timeout_ms = 6'000;        // group.min.session.timeout.ms
  int32_t group_max_session_timeout_ms = 1'800'000;    // group.max.session.timeout.ms
  int32_t group_initial_rebalance_delay_ms = 3'000;    // group.initial.rebalance.delay.ms
  int32_t group_max_size = INT32_MAX;                  // group.max.size
  // How long a new member may wait in JoinGroup before it is taken for gone; no property in Kafka either.
  int32_t new_member_join_timeout_ms = 5 * 60 * 1000;
};

}  // namespace dohle::coordinator
