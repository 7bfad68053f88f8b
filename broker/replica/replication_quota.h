// How fast throttled replicas may be copied (KIP-73): a rate for this broker as leader and one as follower
// (`leader.replication.throttled.rate`, `follower.replication.throttled.rate`, dynamic broker configs), and
// which replicas it is for (`….replication.throttled.replicas` of topics). Replicas that are in sync are
// never held back.
//
// What was copied is paid for afterwards: the rate holds on average, one answer may exceed it. Kafka measures
// in windows instead (replication.quota.window.num of them); over minutes both come to the same.
//
// Update comes from the metadata publisher, everything else from any thread. Nothing locks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "broker/metadata/delta.h"
#include "lib/base/ids.h"
#include "lib/base/string_map.h"

namespace dohle::replica {

class ReplicationQuota {
 public:
  enum class Side : uint8_t { kLeader, kFollower };
  ReplicationQuota(Side side, NodeId node_id) : side_(side), node_id_(node_id) {}

  void Update(const metadata::MetadataUpdate& update);

  bool IsThrottled(const TopicPartition& partition) const;
  // Notes that `bytes` of a throttled replica were copied. When more may be; not later than `now_ms` if at
  // once. `now_ms`: of a clock that doesn't go back.
  int64_t Record(uint64_t bytes, int64_t now_ms);
  // Likewise, without noting anything.
  int64_t free_at_ms() const { return free_at_us_.load(std::memory_order_relaxed) / 1000; }
  int64_t bytes_per_second() const { return bytes_per_second_.load(std::memory_order_relaxed); }

 private:
  struct Replicas {
    bool all = false;
    std::set<PartitionIndex> partitions;
  };
  using Throttled = StringMap<Replicas>;

  Replicas Parse(std::string_view list) const;

  const Side side_;
  const NodeId node_id_;
  std::atomic<int64_t> bytes_per_second_{INT64_MAX};
  std::atomic<int64_t> free_at_us_{0};
  std::atomic<std::shared_ptr<const Throttled>> throttled_{std::make_shared<const Throttled>()};
};

}  // namespace dohle::replica
