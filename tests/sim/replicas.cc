#include "tests/sim/replicas.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/kafka/record_batch.h"

namespace dohle::sim {

int64_t ReplicaLog::end_offset() const {
  if (batches.empty()) return 0;
  return kafka::RecordBatchView(batches.rbegin()->second).next_offset().value();
}

std::vector<ReplicaLog> ReadReplicas(Cluster& cluster, const TopicPartition& partition) {
  std::vector<ReplicaLog> replicas;
  const std::string directory = "/data/" + ToString(partition);
  for (size_t i = 0; i < cluster.size(); ++i) {
    if (!cluster.running(i)) continue;
    env::FileSystem& file_system = cluster.node(i).env().file_system;
    const auto entries = file_system.List(directory);
    if (!entries.ok()) continue;
    ReplicaLog replica;
    replica.host = cluster.host(i);
    for (const env::DirectoryEntry& entry : *entries) {
      if (!entry.name.ends_with(".log")) continue;
      const auto bytes = file_system.ReadWhole(env::JoinPath(directory, entry.name));
      if (!bytes.ok()) continue;
      kafka::BatchCursor cursor(*bytes);
      while (const auto batch = cursor.Next())
        replica.batches[batch->base_offset().value()] = std::string(batch->bytes());
    }
    replicas.push_back(std::move(replica));
  }
  return replicas;
}

bool AllReach(const std::vector<ReplicaLog>& replicas, int64_t offset) {
  return std::all_of(replicas.begin(), replicas.end(),
                     [offset](const ReplicaLog& replica) { return replica.end_offset() >= offset; });
}

std::string Difference(const std::vector<ReplicaLog>& replicas, int64_t high_watermark) {
  if (replicas.empty()) return "";
  const ReplicaLog& one = replicas.front();
  for (const ReplicaLog& other : replicas) {
    // Retention may have cut the logs at different places.
    const int64_t from = std::max(one.batches.empty() ? 0 : one.batches.begin()->first,
                                  other.batches.empty() ? 0 : other.batches.begin()->first);
    auto a = one.batches.lower_bound(from);
    auto b = other.batches.lower_bound(from);
    for (;; ++a, ++b) {
      const bool a_ends = a == one.batches.end() || a->first >= high_watermark;
      const bool b_ends = b == other.batches.end() || b->first >= high_watermark;
      if (a_ends && b_ends) break;
      if (!a_ends && !b_ends && a->first == b->first && a->second == b->second) continue;
      return fmt::format("below the high watermark {} {} has at {} what {} hasn't{}", high_watermark,
                         a_ends ? other.host : one.host, a_ends ? b->first : a->first,
                         a_ends ? one.host : other.host,
                         !a_ends && !b_ends ? fmt::format(" (there is a batch at {})", b->first) : "");
    }
  }
  return "";
}

}  // namespace dohle::sim
