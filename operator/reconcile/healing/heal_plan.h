// What ails the brokers of a Cluster, and what is done about it. Pure, and without memory: what is under way
// is read from what is seen.
//
// Nothing here waits for the kubelet where the quorum knows better, and nothing believes a machine dead
// because the quorum doesn't hear it: its process may still write.
//
//   BrokerHung           the quorum hasn't heard it for kHungMs while its container runs and has been ready
//                        once: it is restarted, one at a time, with back-off (heal_watch.h)
//   DataDamaged          it ended as it can't use its data (kDamagedDataExitCode): all its claims are
//   replaced DiskFailed           one of its log directories is offline: that claim is replaced VolumeLost a
//   claim has lost its PersistentVolume: it is replaced NodeLost             no Node takes its Pod because of
//   its volumes, and the Node that they were made for is
//                        gone or out of service: they are replaced
//   PodStuckTerminating  its Pod should have been gone for kStuckMs: it is deleted by force if its Node is
//                        gone or out of service
//
// A claim is replaced by being deleted with the Pod that uses it; the broker comes up with an empty one,
// under its old id, and fetches what it had from the others. With the first claim all go: a broker doesn't
// format a new metadata directory beside old ones. Before, healing waits for
// spec.healing.replaceAfterSeconds, for what isn't lost may come back; and what heal_safety.h forbids is only
// reported.
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

// With which a broker ends that can't use its data (broker/main.cc).
inline constexpr int64_t kDamagedDataExitCode = 3;

struct HealStep {
  enum class Kind { kRestartPod, kForceDeletePod, kDeleteClaim, kReplacePod };
  Kind kind = Kind::kRestartPod;
  NodeId broker = kNoNode;
  std::string object, uid;  // a Pod, or a claim
  bool serves = false;      // kReplacePod: its broker does, from what it still has
  std::string reason;       // a sentence with the figures
  std::string blocked_by;   // "" = it is taken now
  bool awaited = false;     // what blocks it passes by itself

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

// Those that are to be replaced, and why; none if the broker's disks are well.
struct DiskTrouble {
  std::string ailment;   // CamelCase
  std::string sentence;  // what is seen
  std::vector<const HealClaim*> claims;
  bool everything = false;  // all that the broker has
};
DiskTrouble DiskTroubleOf(const HealBroker& broker);

// "15 s", "2 min", "6 h": the greatest that isn't more.
std::string RoughDuration(int64_t ms);

}  // namespace dohle::reconcile
