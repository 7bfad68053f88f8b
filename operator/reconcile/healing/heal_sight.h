// What the planners of healing look at: the brokers of one Cluster as Kubernetes and the quorum tell them.
// Plain data, made anew each turn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// Of the machine below a Pod. A Node that is out of service bears the taint
// node.kubernetes.io/out-of-service: somebody says that it is switched off.
enum class NodeState { kUnknown, kReady, kNotReady, kGone, kOutOfService };

// One log directory.
struct HealClaim {
  std::string name, uid;  // both "": there is no claim now
  bool deleting = false;
  bool lost = false;    // its PersistentVolume is gone
  bool failed = false;  // the broker says that the directory is offline
  std::string node;     // that its volume was made for; "" = none
  NodeState node_state = NodeState::kUnknown;
};

struct HealBroker {
  NodeId id = kNoNode;
  std::string pod, pod_uid;  // both "": there is none
  bool wanted = true;        // it shall run
  bool running = false;      // the Pod's phase
  bool started = false;      // its container has been ready since it began
  bool deleting = false;
  int64_t overdue_ms =
      0;  // while deleting: for how long it should have been gone; negative = it has time yet
  bool crash_looping = false;
  bool damaged = false;  // it ended as it can't use its data, and hasn't been ready since
  int64_t restarts = 0;
  bool stuck_pending = false;       // no Node takes it, or its image can't be had: it won't start by itself
  bool no_node_for_volume = false;  // no Node takes it that its volumes can be had on
  std::string node;                 // where its Pod is; "" = nowhere
  NodeState node_state = NodeState::kUnknown;
  std::vector<HealClaim> claims;  // the first has the metadata log
  // Of heal_watch.h: for how long the same claims have been unusable.
  int64_t unusable_ms = 0;
  // Of heal_watch.h: for how long the quorum hasn't heard it although it ran all the time, 0 = it hears it or
  // nobody knows; how often it was restarted for that; the back-off after the last time, 0 = it is over.
  int64_t fenced_ms = 0;
  int32_t healed = 0;
  int64_t back_off_ms = 0;
};

struct HealSight {
  std::vector<HealBroker> brokers;     // that a Cluster has, by id
  const Topology* topology = nullptr;  // null: nobody tells
  api::HealingMode mode = api::HealingMode::kAuto;
  int64_t replace_after_ms = 0;  // claims that are unusable for so long are replaced
};

}  // namespace dohle::reconcile
