#include "operator/reconcile/rolling/roll_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "operator/reconcile/rolling/wave.h"

namespace dohle::reconcile {
namespace {

// A Pod that isn't ready while its broker serves is given this long to settle.
constexpr int64_t kSettleMs = 30'000;

bool Contains(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

std::string NameOf(const Topology& topology, const PartitionPlace& partition) {
  return fmt::format("{}-{}", topology.topics[partition.topic].name, partition.index);
}

class Planner {
 public:
  Planner(const std::vector<RollBroker>& brokers, const Topology* topology, const RollLimits& limits,
          int64_t now_ms)
      : brokers_(brokers), topology_(topology), limits_(limits), now_ms_(now_ms) {
    if (topology == nullptr) return;
    for (const BrokerPlace& place : topology->brokers) {
      if (!place.fenced) unfenced_.insert(place.id);
    }
  }

  RollPlan Plan(const std::string& hold) {
    const bool any = std::any_of(brokers_.begin(), brokers_.end(), [](const auto& b) { return b.restart; });
    if (!any) {
      if (WhyWait().empty()) ReturnLeaders(/*all=*/false);
      return std::move(plan_);
    }
    if (brokers_.size() == 1 && !brokers_.front().changing && !brokers_.front().deleting) {
      Take({brokers_.front().id}, false, "it is the only broker");
      return std::move(plan_);
    }
    TakeDead();
    plan_.waits = WhyWait();
    plan_.halted = WhyHalted();
    if (!plan_.wave.empty()) {
      if (plan_.waits.empty()) plan_.waits = "brokers that serve nobody come first";
      return std::move(plan_);
    }
    if (plan_.waits.empty() && !hold.empty()) plan_.waits = plan_.halted = hold;
    if (!plan_.waits.empty()) {
      TakeUnready();
      return std::move(plan_);
    }
    ReturnLeaders(/*all=*/true);
    if (!plan_.leaders_to_return.empty()) {
      plan_.waits = fmt::format("{} leaders are brought back first", plan_.leaders_to_return.size());
      return std::move(plan_);
    }
    TakeWave();
    return std::move(plan_);
  }

 private:
  void Take(std::vector<NodeId> wave, bool serves, std::string reason) {
    plan_.wave = std::move(wave);
    plan_.serves = serves;
    plan_.wave_reason = std::move(reason);
  }
  int64_t Age(const RollBroker& broker) const { return broker.since_ms > 0 ? now_ms_ - broker.since_ms : 0; }
  // Its broker is known to serve nobody.
  bool Dead(const RollBroker& broker) const {
    return topology_ != nullptr && !broker.ready && !unfenced_.contains(broker.id);
  }

  void TakeDead() {
    std::vector<NodeId> dead;
    bool any_ready = false;
    for (const RollBroker& broker : brokers_) {
      any_ready |= broker.ready;
      if (!broker.restart || broker.deleting || broker.changing || !broker.pod || broker.ready) continue;
      if (topology_ == nullptr || Dead(broker)) dead.push_back(broker.id);
    }
    if (dead.empty()) return;
    if (topology_ != nullptr) {
      Wave wave = NextWave(*topology_, dead, dead.size());
      Take(std::move(wave.brokers), false, "nobody is served by it");
      return;
    }
    // Nobody tells what they serve: all if none is ready, else one after the other.
    const bool one_is_away = std::any_of(brokers_.begin(), brokers_.end(), [](const RollBroker& b) {
      return b.deleting || b.changing || !b.pod;
    });
    if (any_ready && one_is_away) return;
    if (any_ready) dead.resize(1);
    Take(std::move(dead), false, "its Pod isn't ready");
  }

  // Its configuration may be what keeps it from being ready.
  void TakeUnready() {
    if (topology_ == nullptr) return;
    for (const RollBroker& broker : brokers_) {
      if (broker.deleting || broker.changing || !broker.pod) return;
    }
    for (const RollBroker& broker : brokers_) {
      if (!broker.restart || broker.ready || Age(broker) < kSettleMs) continue;
      return Take({broker.id}, true, "its Pod isn't ready, which the new configuration may mend");
    }
  }

  std::string WhyWait() const {
    for (const RollBroker& broker : brokers_) {
      const int32_t id = broker.id.value();
      if (broker.deleting) return fmt::format("broker {} is being restarted", id);
      if (broker.changing) return fmt::format("the Pod of broker {} is changing", id);
      if (!broker.pod) return fmt::format("broker {} has no Pod yet", id);
      if (!broker.ready) return fmt::format("broker {} isn't ready", id);
    }
    if (topology_ == nullptr) return "no broker tells whether its partitions are in sync";
    for (const RollBroker& broker : brokers_) {
      if (!unfenced_.contains(broker.id))
        return fmt::format("broker {} isn't registered or is fenced", broker.id.value());
    }
    return WhyPartitionsWait();
  }

  std::string WhyPartitionsWait() const {
    size_t offline = 0, behind = 0;
    const PartitionPlace *first_offline = nullptr, *first_behind = nullptr;
    for (const PartitionPlace& partition : topology_->partitions) {
      const bool leaderless = partition.leader == kNoNode;
      const bool lags = std::any_of(partition.replicas.begin(), partition.replicas.end(), [&](NodeId id) {
        return !Contains(partition.in_sync, id) && !Contains(partition.adding, id);
      });
      offline += leaderless ? 1 : 0;
      behind += lags ? 1 : 0;
      if (first_offline == nullptr && leaderless) first_offline = &partition;
      if (first_behind == nullptr && lags) first_behind = &partition;
    }
    if (offline > 0) {
      return fmt::format("{} partitions have no leader, such as {}", offline,
                         NameOf(*topology_, *first_offline));
    }
    if (behind == 0) return "";
    return fmt::format("{} partitions have replicas that aren't in sync, such as {}", behind,
                       NameOf(*topology_, *first_behind));
  }

  std::string WhyHalted() const {
    for (const RollBroker& broker : brokers_) {
      if (broker.ready) continue;
      if (!broker.trouble.empty()) return broker.trouble;
      if (Age(broker) > limits_.ready_patience_ms)
        return fmt::format("broker {} isn't ready since {} s", broker.id.value(), Age(broker) / 1000);
    }
    return "";
  }

  // Of all brokers, or of those only that were restarted a short while ago.
  void ReturnLeaders(bool all) {
    absl::flat_hash_set<NodeId> due;
    for (const RollBroker& broker : brokers_) {
      if (all || (broker.since_ms > 0 && Age(broker) < limits_.leaders_due_ms)) due.insert(broker.id);
    }
    for (const PartitionPlace& partition : topology_->partitions) {
      if (partition.replicas.empty() || partition.reassigned()) continue;
      const NodeId preferred = partition.replicas.front();
      if (partition.leader == preferred || !due.contains(preferred) ||
          !Contains(partition.in_sync, preferred))
        continue;
      plan_.leaders_to_return.emplace_back(topology_->topics[partition.topic].name, partition.index);
    }
  }

  // The active controller with the last one: each change of it is a moment without.
  void TakeWave() {
    std::vector<NodeId> candidates;
    for (const RollBroker& broker : brokers_) {
      if (broker.restart) candidates.push_back(broker.id);
    }
    const NodeId controller = topology_->quorum.leader;
    Wave wave = NextWave(*topology_, candidates, static_cast<size_t>(std::max(1, limits_.max_unavailable)),
                         controller);
    if (wave.brokers.empty()) {
      plan_.waits = wave.reason;
      return;
    }
    std::string reason = std::move(wave.reason);
    if (wave.brokers.back() == controller) {
      reason = wave.brokers.size() == 1 ? "the active controller is the last"
                                        : reason + ", the active controller last";
    }
    Take(std::move(wave.brokers), true, std::move(reason));
    std::string ids;
    for (const NodeId id : plan_.wave) ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id.value());
    plan_.waits = fmt::format("its wave comes after that of {}; {} more in all", ids, wave.waves_after);
  }

  const std::vector<RollBroker>& brokers_;
  const Topology* const topology_;
  const RollLimits& limits_;
  const int64_t now_ms_;
  absl::flat_hash_set<NodeId> unfenced_;
  RollPlan plan_;
};

}  // namespace

RollPlan PlanRoll(const std::vector<RollBroker>& brokers, const Topology* topology, const RollLimits& limits,
                  int64_t now_ms, const std::string& hold) {
  return Planner(brokers, topology, limits, now_ms).Plan(hold);
}

int32_t MaxUnavailable(const std::string& text, int32_t brokers) {
  constexpr int64_t kDefaultPercent = 33;
  int32_t number = -1;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  const bool valid = error == std::errc() && number >= 0;
  int64_t width = (brokers * kDefaultPercent + 99) / 100;
  if (valid && at == end) width = number;
  if (valid && at + 1 == end && *at == '%') width = (int64_t{brokers} * number + 99) / 100;
  return static_cast<int32_t>(std::clamp<int64_t>(width, 1, std::max(1, brokers)));
}

}  // namespace dohle::reconcile
