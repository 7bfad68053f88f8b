// What a Kafka cluster is made of at one moment, as its controller tells it: brokers, partitions with their
// replicas, the metadata quorum. The planners' common input. Plain data, compact: 100,000 partitions are some
// 15 MB.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "lib/base/ids.h"
#include "lib/base/uuid.h"

namespace dohle::reconcile {

// Most partitions have three replicas; more are held too.
using Replicas = absl::InlinedVector<NodeId, 4>;

struct BrokerPlace {
  NodeId id = kNoNode;
  std::string rack;                               // broker.rack; "" = none
  bool fenced = false;                            // registered, but doesn't serve
  bool cordoned = false;                          // it serves, and takes no new replicas (KIP-1066)
  int64_t bytes = 0;                              // of the replicas that it holds
  int64_t disk_bytes = -1, disk_free_bytes = -1;  // of all its log directories; -1 = unknown
  std::vector<std::string> failed_directories;    // paths of those that it has taken offline (KIP-112)
};

struct TopicPlace {
  std::string name;
  TopicId id;
  int32_t min_in_sync_replicas = 1;                          // what holds for it, wherever it is set
  double bytes_in_per_second = 0, bytes_out_per_second = 0;  // of the whole topic; 0 = idle or unknown
};

struct PartitionPlace {
  uint32_t topic = 0;  // its place in Topology::topics
  int32_t index = 0;
  NodeId leader = kNoNode;
  Replicas replicas;  // the first is the preferred leader; while it is reassigned: old and new ones
  Replicas in_sync;
  Replicas adding, removing;  // of a reassignment that is under way; both empty if there is none
  int64_t bytes = 0;          // of its largest replica

  bool reassigned() const { return !adding.empty() || !removing.empty(); }
};

struct QuorumVoter {
  NodeId id = kNoNode;
  DirectoryId directory;            // zero in a static quorum (kraft.version 0)
  int64_t log_end_offset = -1;      // -1 = unknown
  int64_t ms_since_caught_up = -1;  // since it had all that the leader has; 0 for the leader; -1 = unknown
};

struct QuorumPlace {
  NodeId leader = kNoNode;  // the active controller
  int32_t leader_epoch = -1;
  int64_t high_watermark = -1;
  std::vector<QuorumVoter> voters, observers;
};

// Dynamic settings of brokers and topics by which copying is throttled (KIP-73).
inline constexpr const char* kLeaderThrottle = "leader.replication.throttled.rate";
inline constexpr const char* kFollowerThrottle = "follower.replication.throttled.rate";
inline constexpr const char* kThrottledReplicas = "follower.replication.throttled.replicas";

struct Topology {
  std::string cluster_id;
  std::vector<BrokerPlace> brokers;  // that are registered, fenced ones too; by id, ascending
  std::vector<TopicPlace> topics;
  std::vector<PartitionPlace> partitions;  // by topic, then by index
  QuorumPlace quorum;
  // Dynamic settings of all brokers; nothing = unknown.
  std::optional<std::map<std::string, std::string>> broker_defaults;
  // kThrottledReplicas of topics where it is set, by name; nothing = unknown. Known while brokers have a
  // throttle by default.
  std::optional<std::map<std::string, std::string>> throttled_topics;
};

}  // namespace dohle::reconcile
