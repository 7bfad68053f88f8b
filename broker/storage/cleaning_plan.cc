#include "broker/storage/cleaning_plan.h"

#include <algorithm>

namespace dohle::storage {
namespace {

Offset FirstUncleanable(std::span<const SegmentToClean> segments, const LogConfig& config, Offset first_dirty,
                        Offset last_stable, int64_t now_ms) {
  for (const SegmentToClean& segment : segments) {
    const bool fresh = config.min_compaction_lag_ms > 0 && segment.end_offset > first_dirty &&
                       segment.largest_timestamp_ms > now_ms - config.min_compaction_lag_ms;
    if (fresh || segment.end_offset > last_stable) return segment.base_offset;
  }
  return segments.empty() ? Offset(0) : segments.back().end_offset;
}

}  // namespace

Cleanliness JudgeCleanliness(std::span<const SegmentToClean> segments, const LogConfig& config,
                             std::optional<Offset> cleaned_to, Offset log_start, Offset last_stable,
                             int64_t now_ms) {
  Cleanliness found;
  if (segments.empty()) return found;
  // A checkpoint below the start or past the end speaks of another life of the log.
  const bool usable = cleaned_to && *cleaned_to >= log_start && *cleaned_to <= segments.back().end_offset;
  found.first_dirty = usable ? *cleaned_to : log_start;
  found.first_uncleanable = FirstUncleanable(segments, config, found.first_dirty, last_stable, now_ms);
  int64_t earliest_ms = INT64_MAX;
  for (const SegmentToClean& segment : segments) {
    if (segment.base_offset < found.first_dirty) found.clean_bytes += segment.bytes;
    if (segment.end_offset <= found.first_dirty || segment.base_offset >= found.first_uncleanable) continue;
    found.cleanable_bytes += segment.bytes;
    if (segment.earliest_timestamp_ms > 0) earliest_ms = std::min(earliest_ms, segment.earliest_timestamp_ms);
  }
  found.overdue = config.max_compaction_lag_ms != INT64_MAX && earliest_ms != INT64_MAX &&
                  earliest_ms < now_ms - std::max<int64_t>(config.max_compaction_lag_ms, 0);
  return found;
}

std::vector<SegmentGroup> GroupSegments(std::span<const SegmentToClean> segments, const LogConfig& config) {
  std::vector<SegmentGroup> groups;
  const auto max_bytes = static_cast<uint64_t>(config.segment_bytes);
  const auto max_index_bytes = static_cast<uint64_t>(config.segment_index_bytes);
  for (size_t first = 0; first < segments.size();) {
    SegmentToClean sum = segments[first];
    size_t next = first + 1;
    for (; next < segments.size(); ++next) {
      const SegmentToClean& candidate = segments[next];
      sum.bytes += candidate.bytes;
      sum.offset_index_bytes += candidate.offset_index_bytes;
      sum.time_index_bytes += candidate.time_index_bytes;
      const bool fits = sum.bytes <= max_bytes && sum.offset_index_bytes <= max_index_bytes &&
                        sum.time_index_bytes <= max_index_bytes;
      // An empty one holds no offset that could be too far from the base.
      const bool addressable =
          candidate.bytes == 0 || candidate.end_offset - 1 - segments[first].base_offset <= INT32_MAX;
      if (!fits || !addressable) break;
    }
    groups.push_back({first, next - first});
    first = next;
  }
  return groups;
}

}  // namespace dohle::storage
