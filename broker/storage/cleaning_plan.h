// What there is to clean in a log, and in which steps. Pure. Kafka's LogCleanerManager and
// Cleaner.groupSegmentsBySize.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "broker/storage/log_config.h"
#include "lib/base/ids.h"

namespace dohle::storage {

struct SegmentToClean {
  Offset base_offset;
  Offset end_offset;  // the base of the next one
  uint64_t bytes = 0;
  uint64_t offset_index_bytes = 0;
  uint64_t time_index_bytes = 0;
  bool has_aborted = false;            // there may be a .txnindex
  int64_t largest_timestamp_ms = -1;   // asked for with min.compaction.lag.ms only
  int64_t earliest_timestamp_ms = -1;  // asked for with max.compaction.lag.ms only
};

struct Cleanliness {
  Offset first_dirty{0};        // everything below was cleaned before
  Offset first_uncleanable{0};  // the begin of the first segment that must be left alone
  uint64_t clean_bytes = 0;
  uint64_t cleanable_bytes = 0;
  bool overdue = false;  // max.compaction.lag.ms has passed

  double ratio() const {
    const uint64_t total = clean_bytes + cleanable_bytes;
    return total == 0 ? 0 : static_cast<double>(cleanable_bytes) / static_cast<double>(total);
  }
  // first_dirty < first_uncleanable always holds where it is due.
  bool due(double min_ratio) const { return cleanable_bytes > 0 && (overdue || ratio() > min_ratio); }
};

// `segments`: all but the active one, in order. `cleaned_to`: of the checkpoint. `last_stable`: neither
// unfinished transactions nor what lies past the high watermark is cleaned.
Cleanliness JudgeCleanliness(std::span<const SegmentToClean> segments, const LogConfig& config,
                             std::optional<Offset> cleaned_to, Offset log_start, Offset last_stable,
                             int64_t now_ms);

// Neighbours that become one segment: first and count in `segments`.
struct SegmentGroup {
  size_t first = 0;
  size_t count = 0;
};
std::vector<SegmentGroup> GroupSegments(std::span<const SegmentToClean> segments, const LogConfig& config);

}  // namespace dohle::storage
