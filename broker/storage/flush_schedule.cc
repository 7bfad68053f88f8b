#include "broker/storage/flush_schedule.h"

#include <algorithm>

namespace dohle::storage {

std::vector<size_t> PlanBackgroundFlush(std::span<const UnflushedLog> logs, const FlushLimits& limits) {
  std::vector<UnflushedLog> dirty;
  uint64_t total = 0;
  for (const UnflushedLog& log : logs) {
    if (log.bytes == 0) continue;
    dirty.push_back(log);
    total += log.bytes;
  }
  std::sort(dirty.begin(), dirty.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  std::vector<size_t> chosen;
  for (const UnflushedLog& log : dirty) {
    const bool due =
        log.bytes >= limits.log_bytes || log.age_ms >= limits.age_ms || total > limits.total_bytes;
    if (!due) continue;
    chosen.push_back(log.id);
    total -= log.bytes;
  }
  return chosen;
}

}  // namespace dohle::storage
