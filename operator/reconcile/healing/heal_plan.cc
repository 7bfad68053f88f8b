#include "operator/reconcile/healing/heal_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "operator/reconcile/healing/heal_safety.h"

namespace dohle::reconcile {
namespace {

constexpr std::string_view kReportOnly = "spec.healing.mode is Report: set it to Auto, or do it yourself";

constexpr std::array<int64_t, 12> kRoughSeconds = {1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400};

class Planner {
 public:
  explicit Planner(const HealSight& sight) : sight_(sight) {}

  HealPlan Plan() {
    for (const HealBroker& broker : sight_.brokers) {
      if (DiskTrouble trouble = DiskTroubleOf(broker); broker.wanted && !trouble.claims.empty())
        Refill(broker, std::move(trouble));
      if (Stuck(broker)) {
        Bury(broker);
      } else if (Hung(broker)) {
        Restart(broker);
      }
    }
    return std::move(plan_);
  }

 private:
  const BrokerPlace* Place(NodeId id) const {
    if (sight_.topology == nullptr) return nullptr;
    const auto& brokers = sight_.topology->brokers;
    const auto it = std::find_if(brokers.begin(), brokers.end(),
                                 [&](const BrokerPlace& broker) { return broker.id == id; });
    return it == brokers.end() ? nullptr : &*it;
  }
  bool Fenced(NodeId id) const {
    const BrokerPlace* place = Place(id);
    return place != nullptr && place->fenced;
  }
  HealStep& Add(HealStep::Kind kind, const HealBroker& broker, std::string reason) {
    HealStep& step = plan_.steps.emplace_back();
    step.kind = kind;
    step.broker = broker.id;
    step.object = broker.pod;
    step.uid = broker.pod_uid;
    step.reason = std::move(reason);
    return step;
  }
  static void Block(HealStep& step, std::string why, bool awaited) {
    if (step.blocked() || why.empty()) return;
    step.blocked_by = std::move(why);
    step.awaited = awaited;
  }
  void Tell(std::string reason, const HealStep& step) {
    plan_.ailments.push_back({std::move(reason), step.blocked()
                                                     ? fmt::format("{}: {}", step.reason, step.blocked_by)
                                                     : step.reason});
  }

  static bool Stuck(const HealBroker& broker) { return broker.deleting && broker.overdue_ms >= kStuckMs; }
  bool Hung(const HealBroker& broker) const {
    return broker.wanted && broker.running && broker.started && !broker.deleting && !broker.crash_looping &&
           Fenced(broker.id) && broker.fenced_ms >= kHungMs;
  }

  // One whose restart will end by itself.
  static bool Returning(const HealBroker& broker) {
    if (!broker.wanted || broker.crash_looping || broker.stuck_pending || Stuck(broker)) return false;
    return broker.pod.empty() || broker.deleting || !broker.started;
  }

  void Restart(const HealBroker& broker) {
    std::string reason = fmt::format("the quorum hasn't heard broker {} for {}, while its Pod {} runs",
                                     broker.id.value(), RoughDuration(broker.fenced_ms), broker.pod);
    if (broker.healed > 0) reason += fmt::format("; restarts for that so far: {}", broker.healed);
    HealStep& step = Add(HealStep::Kind::kRestartPod, broker, std::move(reason));
    if (sight_.mode == api::HealingMode::kReport) Block(step, std::string(kReportOnly), false);
    Block(step, WhyNoRestart(*sight_.topology, broker.id), true);
    for (const HealBroker& other : sight_.brokers) {
      if (other.id != broker.id && Returning(other))
        Block(step, fmt::format("broker {} is being started", other.id.value()), true);
    }
    const bool another = std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](const HealStep& before) {
      return &before != &step && before.kind == HealStep::Kind::kRestartPod && !before.blocked();
    });
    if (another) Block(step, "another broker is restarted first", true);
    if (broker.back_off_ms > 0) {
      Block(step, fmt::format("it isn't restarted again within {}", RoughDuration(broker.back_off_ms)), true);
    }
    Tell("BrokerHung", step);
  }

  void Bury(const HealBroker& broker) {
    HealStep& step =
        Add(HealStep::Kind::kForceDeletePod, broker,
            fmt::format("Pod {} should have been gone {} ago", broker.pod, RoughDuration(broker.overdue_ms)));
    const BrokerPlace* place = Place(broker.id);
    if (sight_.topology == nullptr) {
      Block(step, "nobody tells whether its broker still serves", true);
    } else if (place != nullptr && !place->fenced) {
      Block(step,
            fmt::format("the quorum still hears broker {}: Node {} doesn't do what the API server says; see "
                        "its kubelet",
                        broker.id.value(), broker.node),
            true);
    }
    Block(step, WhyNotBuried(broker), false);
    if (sight_.mode == api::HealingMode::kReport) Block(step, std::string(kReportOnly), false);
    if (broker.node_state == NodeState::kGone)
      step.reason += fmt::format(", and Node {} is gone", broker.node);
    if (broker.node_state == NodeState::kOutOfService)
      step.reason += fmt::format(", and Node {} is out of service", broker.node);
    Tell("PodStuckTerminating", step);
  }

  static bool IsReplacement(const HealStep& step) {
    return step.kind == HealStep::Kind::kDeleteClaim || step.kind == HealStep::Kind::kReplacePod;
  }
  static bool IsBeingReplaced(const HealBroker& broker) {
    return std::any_of(broker.claims.begin(), broker.claims.end(),
                       [](const HealClaim& claim) { return claim.deleting; });
  }

  // Why the disks of a broker aren't given up now; `awaited` tells whether that passes by itself.
  std::string WhyNotRefilled(const HealBroker& broker, const DiskTrouble& trouble, bool* awaited) const {
    *awaited = false;
    if (sight_.mode == api::HealingMode::kReport) return std::string(kReportOnly);
    *awaited = true;
    if (sight_.topology == nullptr) return "nobody tells what is on the other brokers";
    const Emptied emptied = trouble.everything ? Emptied::kBroker : Emptied::kDirectory;
    if (std::string why = WhyNotEmptied(*sight_.topology, broker.id, emptied); !why.empty()) {
      *awaited = false;
      return why + "; mend the disk, or delete the claim and the Pod yourself";
    }
    if (broker.unusable_ms < sight_.replace_after_ms)
      return fmt::format("it has {} s to come back", sight_.replace_after_ms / 1000);
    for (const HealBroker& other : sight_.brokers) {
      if (other.id == broker.id) continue;
      if (IsBeingReplaced(other))
        return fmt::format("the disk of broker {} is being replaced", other.id.value());
      if (Returning(other)) return fmt::format("broker {} is being started", other.id.value());
    }
    const bool another = std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](const HealStep& step) {
      return step.broker != broker.id && IsReplacement(step) && !step.blocked();
    });
    return another ? "another broker's disk is replaced first" : "";
  }

  void Refill(const HealBroker& broker, DiskTrouble trouble) {
    bool awaited = false;
    const std::string why = WhyNotRefilled(broker, trouble, &awaited);
    const auto add = [&](HealStep::Kind kind) -> HealStep& {
      HealStep& step = Add(kind, broker, trouble.sentence);
      Block(step, why, awaited);
      return step;
    };
    for (const HealClaim* claim : trouble.claims) {
      if (claim->deleting) continue;
      HealStep& step = add(HealStep::Kind::kDeleteClaim);
      step.object = claim->name;
      step.uid = claim->uid;
    }
    // One that waits for a Node holds no claim.
    if (!broker.pod.empty() && !broker.deleting && !broker.node.empty())
      add(HealStep::Kind::kReplacePod).serves =
          broker.started && Place(broker.id) != nullptr && !Fenced(broker.id);
    std::string message = why.empty() ? "the broker gets a new volume and is filled from the others" : why;
    plan_.ailments.push_back({std::move(trouble.ailment), fmt::format("{}: {}", trouble.sentence, message)});
  }

  static std::string WhyNotBuried(const HealBroker& broker) {
    switch (broker.node_state) {
      case NodeState::kGone:
      case NodeState::kOutOfService:
        return "";
      case NodeState::kNotReady:
        return fmt::format(
            "Node {0} doesn't answer, and its broker may still write: if the machine is off for sure, "
            "`kubectl "
            "taint nodes {0} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`, or delete the Node",
            broker.node);
      case NodeState::kReady:
        return fmt::format(
            "Node {} is ready, yet doesn't end it: see `kubectl describe pod {}` and its kubelet",
            broker.node, broker.pod);
      case NodeState::kUnknown:
        break;
    }
    return fmt::format(
        "the operator can't read Node {}: grant it `get` on Nodes (rbac.readNodes of the chart), or, if the "
        "machine is off for sure, `kubectl delete pod {} --force`",
        broker.node, broker.pod);
  }

  const HealSight& sight_;
  HealPlan plan_;
};

}  // namespace

DiskTrouble DiskTroubleOf(const HealBroker& broker) {
  DiskTrouble trouble;
  const auto gone = [](const HealClaim& claim) {
    return claim.node_state == NodeState::kGone || claim.node_state == NodeState::kOutOfService;
  };
  for (const HealClaim& claim : broker.claims) {
    if (claim.uid.empty()) continue;
    if (broker.damaged) {
      trouble.ailment = "DataDamaged";
      trouble.sentence = fmt::format("broker {} ended with code {}, as it can't use its data",
                                     broker.id.value(), kDamagedDataExitCode);
    } else if (claim.lost) {
      trouble.ailment = "VolumeLost";
      trouble.sentence = fmt::format("claim {} has lost its PersistentVolume", claim.name);
    } else if (broker.no_node_for_volume && gone(claim)) {
      trouble.ailment = "NodeLost";
      trouble.sentence =
          fmt::format("the volume of claim {} is on Node {}, which is {}", claim.name, claim.node,
                      claim.node_state == NodeState::kGone ? "gone" : "out of service");
    } else if (claim.failed) {
      trouble.ailment = "DiskFailed";
      trouble.sentence =
          fmt::format("the log directory of broker {} on claim {} has failed", broker.id.value(), claim.name);
    } else {
      continue;
    }
    trouble.claims.push_back(&claim);
  }
  trouble.everything = !trouble.claims.empty() && trouble.claims.front() == &broker.claims.front();
  if (!trouble.everything) return trouble;
  trouble.claims.clear();
  for (const HealClaim& claim : broker.claims) {
    if (!claim.uid.empty()) trouble.claims.push_back(&claim);
  }
  return trouble;
}

std::string RoughDuration(int64_t ms) {
  const auto above = std::upper_bound(kRoughSeconds.begin(), kRoughSeconds.end(), ms / 1000);
  const int64_t seconds = above == kRoughSeconds.begin() ? 0 : *std::prev(above);
  if (seconds >= 3600) return fmt::format("{} h", seconds / 3600);
  return seconds >= 60 ? fmt::format("{} min", seconds / 60) : fmt::format("{} s", seconds);
}

HealPlan PlanHealing(const HealSight& sight) { return Planner(sight).Plan(); }

}  // namespace dohle::reconcile
