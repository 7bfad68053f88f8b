#include "broker/storage/retention.h"

#include <algorithm>

namespace dohle::storage {

RetentionPlan PlanRetention(std::span<const SegmentFacts> facts, size_t segment_count,
                            const LogConfig& config, int64_t now_ms, Offset high_watermark,
                            Offset log_start_offset, Offset log_end_offset, uint64_t log_bytes) {
  const auto end_of = [&](size_t i) {
    return i + 1 < facts.size() ? facts[i + 1].base_offset : log_end_offset;
  };
  const auto removable = [&](size_t i) {
    if (i >= facts.size() || (i + 1 == facts.size() && facts.size() < segment_count)) return false;
    const bool empty_last = i + 1 == segment_count && facts[i].bytes == 0;
    return !empty_last && end_of(i) <= high_watermark;
  };
  RetentionPlan plan;
  const auto offer = [&](int segments, std::string_view reason) {
    if (segments > plan.segments) plan = {segments, reason};
  };

  size_t i = 0;
  while (removable(i) && end_of(i) <= log_start_offset && i + 1 < segment_count) ++i;
  offer(static_cast<int>(i), "below the log start offset");
  if (!config.cleanup_delete) return plan;

  if (config.retention_ms >= 0) {
    i = 0;
    while (removable(i) && facts[i].largest_timestamp_ms != INT64_MAX &&
           now_ms - facts[i].largest_timestamp_ms > config.retention_ms) {
      ++i;
    }
    offer(static_cast<int>(i), "retention.ms");
  }
  if (config.retention_bytes >= 0) {
    i = 0;
    uint64_t left = log_bytes;
    while (removable(i) && left - facts[i].bytes >= static_cast<uint64_t>(config.retention_bytes)) {
      left -= facts[i].bytes;
      ++i;
    }
    offer(static_cast<int>(i), "retention.bytes");
  }
  return plan;
}

}  // namespace dohle::storage
