// What ails the brokers of a Cluster, and what is done about it. Pure, and without memory: what is under way
// is read from what is seen.
//
// Nothing here waits for the kubelet where the quorum knows better, and nothing believes a machine dead
// because the quorum doesn't hear it: its process may still write.
//
//   BrokerHung           the quorum hasn't heard it for kHungMs while its container runs and has been ready
//                        once: it is restarted, one at a time, with back-off (heal_watch.h)
//   PodStuckTerminating  its Pod should have been gone for kStuckMs: it is deleted by force if its Node is
//                        gone or out of service
//
// A Pod is deleted by force only where Kubernetes itself would do it. Then nothing says any more that its
// processes have ended, and another Pod may mount the volume: with ReadWriteOnce two Pods on one node may,
// and a volume in the network is detached by force from a Node that doesn't answer. ReadWriteOncePod doesn't
// help: the scheduler holds it by counting Pods, and a Pod deleted by force counts no more. So somebody has
// to know that the machine is off: whoever removed its Node, or gave it the taint out-of-service.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/reconcile/healing/heal_sight.h"

namespace dohle::reconcile {

// Beyond broker.session.timeout.ms, after which the quorum fences a broker that is silent.
inline constexpr int64_t kHungMs = 15'000;
// What a broker that hangs gets to stop: it leads nothing, and may not even hear the signal.
inline constexpr int64_t kHungGraceSeconds = 5;
inline constexpr int64_t kStuckMs = 30'000;

struct HealStep {
  enum class Kind { kRestartPod, kForceDeletePod };
  Kind kind = Kind::kRestartPod;
  NodeId broker = kNoNode;
  std::string pod, pod_uid;
  std::string reason;      // a sentence with the figures
  std::string blocked_by;  // "" = it is taken now
  bool awaited = false;    // what blocks it passes by itself

  bool blocked() const { return !blocked_by.empty(); }
};

// What a condition says.
struct Ailment {
  std::string reason;  // CamelCase
  std::string message;
};

struct HealPlan {
  std::vector<HealStep> steps;    // by broker
  std::vector<Ailment> ailments;  // the gravest first
};

// Durations in the sentences are rounded down to few values, as the status says what stands here: it isn't to
// be written anew each second.
HealPlan PlanHealing(const HealSight& sight);

// "15 s", "2 min", "6 h": the greatest that isn't more.
std::string RoughDuration(int64_t ms);

}  // namespace dohle::reconcile
