// Where the traffic of a partition is counted: kept by the partition itself from its first request on, so
// that a request finds it with one load. Partitions of a topic share one; it goes with the last of them.
//
// Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>

#include "broker/replica/partition.h"
#include "broker/server/metrics/server_metrics.h"
#include "lib/base/string_map.h"

namespace dohle::server {

class TopicMetricsTable {
 public:
  // `server` outlives the table and the partitions.
  explicit TopicMetricsTable(const ServerMetrics& server) : server_(server) {}

  // Lives as long as the partition.
  const TopicMetrics& Of(replica::Partition& partition) {
    const replica::Attachment* there = partition.attachment();
    if (there != nullptr) [[likely]]
      return *static_cast<const Kept*>(there)->metrics;
    return Attach(partition);
  }

  const ServerMetrics& server() const { return server_; }

 private:
  struct Kept : replica::Attachment {
    std::shared_ptr<const TopicMetrics> metrics;
  };
  const TopicMetrics& Attach(replica::Partition& partition);
  std::shared_ptr<const TopicMetrics> OfTopic(std::string_view topic);

  const ServerMetrics& server_;
  std::mutex mutex_;  // held for a topic's first request
  StringMap<std::weak_ptr<const TopicMetrics>> topics_;
  size_t prune_at_ = 64;
};

}  // namespace dohle::server
