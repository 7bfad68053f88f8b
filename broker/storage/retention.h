// Which of a log's oldest segments may go. Pure. Kafka's UnifiedLog.deleteOldSegments.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "broker/storage/log_config.h"
#include "lib/base/ids.h"

namespace dohle::storage {

struct SegmentFacts {
  Offset base_offset;
  uint64_t bytes = 0;
  int64_t largest_timestamp_ms = INT64_MAX;  // INT64_MAX: not asked for
};

struct RetentionPlan {
  int segments = 0;  // the oldest so many; all of them means: roll first
  std::string_view reason;
};

// `facts` are those of the first segments of `segment_count`. Nothing at or past `high_watermark` goes, nor
// an empty last segment.
RetentionPlan PlanRetention(std::span<const SegmentFacts> facts, size_t segment_count,
                            const LogConfig& config, int64_t now_ms, Offset high_watermark,
                            Offset log_start_offset, Offset log_end_offset, uint64_t log_bytes);

}  // namespace dohle::storage
