// How many replicas topics have, and what is to be moved so that they have as many as asked for. Pure.
//
// Replicas are added on the brokers that have the fewest, in other racks than the topic's others where there
// are any, and dropped where they are missed least: those that aren't in sync first, never the leader's
// (balancing/balance_plan.h). What is under way is read from the cluster, so that whoever comes next goes on
// with it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/string_map.h"
#include "lib/kafka/client/admin.h"
#include "lib/kafka/client/cluster_admin.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

namespace topic_reason {
inline constexpr std::string_view kMoreReplicas = "MoreReplicasThanAsked";  // Ready all the same
inline constexpr std::string_view kReplicasChanging = "ReplicasChanging";
inline constexpr std::string_view kTooFewBrokers = "TooFewBrokers";
inline constexpr std::string_view kReplicasBlocked = "ReplicasBlocked";
}  // namespace topic_reason

// Of one topic.
struct ReplicationSight {
  int32_t brokers = 0;             // that take replicas, of the whole cluster
  int32_t fewest = 0, most = 0;    // replicas of a partition; without those that are on their way
  std::vector<int32_t> ends_with;  // replicas, of the partitions that don't get more, when all has been moved

  int32_t partitions = 0;

  int32_t Having(int32_t replicas) const {
    return static_cast<int32_t>(std::count(ends_with.begin(), ends_with.end(), replicas));
  }
};

StringMap<ReplicationSight> SeeReplication(const Topology& topology);

struct ReplicationVerdict {
  std::string_view reason;  // of the condition Ready; "": there are as many as asked for
  std::string message;
};
// `fewer_asked`: that some are dropped was asked; else those that there are too many stay.
ReplicationVerdict JudgeReplication(const std::string& topic, int32_t wanted, const ReplicationSight& sight,
                                    bool fewer_asked);

struct ReplicationStep {
  std::vector<kafka::client::Reassignment> moves;  // to be begun now
  std::string refusal;  // why nothing can be begun though something is asked for; a sentence, or ""
};

// `wanted`: replicas of each partition, by topic.
ReplicationStep PlanReplication(const Topology& topology, const StringMap<int32_t>& wanted);

}  // namespace dohle::reconcile
