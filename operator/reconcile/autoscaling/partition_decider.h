// Whether a topic needs more partitions, and how many: from what is seen of its load over time. Pure; the
// state is plain data that belongs to one topic.
//
// The more the load exceeds what the partitions are meant for, the sooner the topic grows: twice as much for
// 3 seconds, 1.4 times as much for 15, 1.1 times as much for a minute. Each third of that time must show it,
// and the median of the thirds is what the topic grows to, by half at least: so a load that rises from A to B
// makes it grow log1.5(B/A)+1 times at most, and a spike never. What can't be taken back is done late rather
// than for nothing.
//
// Lag calls for partitions only where they help: the group has a consumer for each of them, all get on, most
// are behind, and it isn't catching up.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/topic.h"
#include "operator/reconcile/autoscaling/rate_trail.h"

namespace dohle::reconcile::autoscaling {

// How many replicas a broker is asked to hold at most: what Kafka's people recommend.
inline constexpr int64_t kMostReplicasOfBroker = 4000;

struct PartitionLimits {
  int32_t most = 1;             // partitions
  double bytes_per_second = 0;  // of each partition; 0 = no target
  double lag_seconds = 0;       // likewise
  api::KeyOrder key_order = api::KeyOrder::kStrict;
};
PartitionLimits LimitsOf(const api::TopicAutoscaling& autoscaling);

// One consumer group on the topic.
struct GroupLag {
  struct Partition {
    int32_t index = 0;
    int64_t committed = 0;
    int64_t records = 0;  // behind
    double seconds = 0;   // likewise
  };
  std::string group;
  std::optional<int> members;  // nothing: unknown
  std::vector<Partition> partitions;
};

struct PartitionObservation {
  int64_t time_ms = 0;  // of a clock that doesn't go back
  int32_t partitions = 0;
  // What producers brought since the observation before; nothing: unknown.
  std::optional<double> bytes_in_per_second;
  std::optional<bool> has_records;  // or has had; nothing: unknown
  int32_t room = INT32_MAX;         // partitions that the cluster's brokers can hold of this topic
  // Nothing: not looked at this time. Looks are some seconds apart.
  std::optional<std::vector<GroupLag>> groups;
};

// Reasons; those of decisions to grow first.
namespace partition_reason {
inline constexpr std::string_view kBytes = "BytesPerSecond";
inline constexpr std::string_view kLag = "Lag";
inline constexpr std::string_view kWithin = "WithinTargets";
inline constexpr std::string_view kNoData = "NothingKnownYet";
// More partitions are called for, but:
inline constexpr std::string_view kMost = "MaxPartitions";
inline constexpr std::string_view kRoom = "ClusterIsFull";
inline constexpr std::string_view kKeyOrder = "KeyOrderStrict";
// A group is behind, but partitions wouldn't help:
inline constexpr std::string_view kFewConsumers = "FewerConsumersThanPartitions";
inline constexpr std::string_view kUnknownConsumers = "ConsumersUnknown";
inline constexpr std::string_view kStuck = "ConsumerStuck";
inline constexpr std::string_view kUneven = "FewPartitionsBehind";
}  // namespace partition_reason

struct PartitionDecision {
  bool grow = false;
  int32_t wanted = 0;  // partitions that the load asks for; as many as there are or more
  std::string reason;
  std::string note;  // a sentence with the figures
};

struct PartitionState {
  RateTrail bytes{60'000};
  int64_t last_ms = -1;
  std::optional<int64_t> grown_ms;
  // What held growth up last: it is told until it has been gone for ten minutes, so that it doesn't flicker.
  PartitionDecision held;
  std::optional<int64_t> held_ms;

  // A group that is behind: what it had committed when its present stretch of looks began.
  struct Group {
    int64_t since_ms = 0;
    int64_t records = 0;
    std::map<int32_t, int64_t> committed;
  };
  std::map<std::string, Group> groups;
  std::optional<PartitionDecision> lag;  // what the last whole stretch of looks came to
  int64_t lag_ms = 0;
};

// To be asked at every observation, in the order of time.
PartitionDecision DecidePartitions(const PartitionLimits& limits, const PartitionObservation& seen,
                                   PartitionState& state);

}  // namespace dohle::reconcile::autoscaling
