// How a partition's leader asks the controller for another ISR (AlterPartition: KIP-497, KIP-841, KIP-903).
// The server implements it over the channel to the active controller; tests by a fake.
//
// Any executor, from outside of every lane.
#pragma once

#include <vector>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/task.h"
#include "lib/kafka/error_code.h"

namespace dohle::replica {

struct IsrMember {
  NodeId id;
  BrokerEpoch epoch{-1};  // under which it fetches; -1: not known
};

struct IsrProposal {
  TopicPartition partition;
  TopicId topic_id;
  LeaderEpoch leader_epoch;
  PartitionEpoch partition_epoch{0};
  std::vector<IsrMember> in_sync_replicas;  // the leader among them
  bool recovered = true;                    // leader recovery state (KIP-704)
};

// What the controller made of it. With kNone the rest is the partition's new state.
struct IsrVerdict {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  PartitionEpoch partition_epoch{0};
  std::vector<NodeId> in_sync_replicas;
  bool recovered = true;
};

class IsrUpdates {
 public:
  virtual ~IsrUpdates() = default;
  // Waits for the controller's answer, for as long as it takes: it tries again whatever may pass (no
  // controller, NOT_CONTROLLER, a lost connection). Many proposals travel in one request. kCancelled:
  // stopped.
  virtual env::Task<StatusOr<IsrVerdict>> Propose(IsrProposal proposal) = 0;
};

}  // namespace dohle::replica
