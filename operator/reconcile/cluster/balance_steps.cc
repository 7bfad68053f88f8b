#include "operator/reconcile/cluster/balance_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "operator/api/quantity.h"
#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/balancing/balance_wave.h"
#include "operator/reconcile/cluster/cluster_objects.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

std::string BytesText(double bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 100 ? 0 : 1, kUnits[unit]);
}

std::string FigureText(Load load, double value) {
  if (load == Load::kReplicas || load == Load::kLeaders) return fmt::format("{:.0f}", value);
  return BytesText(value);
}

// "replicas 0 to 12, then 4 to 5 a broker": of the loads that change.
std::string LoadsText(const BalancePlan& plan) {
  std::string text;
  for (size_t i = 0; i < kLoadKinds; ++i) {
    const auto load = static_cast<Load>(i);
    const LoadSpread &before = plan.before[i], &after = plan.after[i];
    if (FigureText(load, before.least) == FigureText(load, after.least) &&
        FigureText(load, before.most) == FigureText(load, after.most)) {
      continue;
    }
    text += fmt::format("{}{} {} to {}, then {} to {}", text.empty() ? "" : "; ", Name(load),
                        FigureText(load, before.least), FigureText(load, before.most),
                        FigureText(load, after.least), FigureText(load, after.most));
  }
  return text.empty() ? "" : fmt::format("; on each broker: {}", text);
}

// "load, emptied broker": why moves are made, each once.
std::string ReasonsText(const BalancePlan& plan) {
  std::string text;
  MoveReason last = MoveReason::kNone;
  for (const BalanceMove& move : plan.moves) {
    const std::string_view name = Name(move.reason);
    if (move.reason == last || text.find(name) != std::string::npos) continue;
    last = move.reason;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  }
  return text;
}

// FNV-1a: an id to be typed, no secret.
std::string Digest(std::string_view text) {
  uint64_t hash = 14695981039346656037U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211U;
  }
  return fmt::format("{:08x}", static_cast<uint32_t>(hash ^ (hash >> 32)));
}

std::string PlanId(const ClusterResource& cluster, const Topology& topology, const BalanceGoals& goals) {
  std::string text = fmt::format("{} {} after {}", cluster.meta.uid, cluster.spec.balance.tolerance_percent,
                                 cluster.status.balance.finished);
  for (const BrokerPlace& broker : topology.brokers) {
    const auto has = [&](const std::vector<NodeId>& ids) {
      return std::find(ids.begin(), ids.end(), broker.id) != ids.end();
    };
    const bool used = (goals.brokers.empty() || has(goals.brokers)) && !has(goals.drained);
    if (used) text += fmt::format(" {}@{}", broker.id.value(), broker.rack);
  }
  return Digest(text);
}

int64_t Quantity(const std::optional<std::string>& text) {
  return text ? api::ParseQuantity(*text).value_or(0) : 0;
}

class Steps {
 public:
  explicit Steps(const ClusterResource& cluster) : cluster_(cluster) {}

  void Blocks(const BalancePlan& plan) {
    if (!plan.load_waits.empty()) {
      PlannedStep& step = Add("ReassignPartitions", "loads are to be even", std::nullopt);
      step.shown.blocked_by = plan.load_waits;
      step.awaited = true;
    }
    for (const BalanceBlock& block : plan.blocks) {
      Add("ReassignPartitions", "replicas are not where they are asked to be", std::nullopt)
          .shown.blocked_by = block.why;
    }
  }

  // What is begun of the plan, and what waits; `id`: of the plan that was approved, or "".
  void Go(const BalancePlan& plan, const BalanceWave& wave, const std::string& id) {
    const std::string reason = fmt::format("{}: {} moves, {}{}{}", ReasonsText(plan), plan.moves.size(),
                                           BytesText(static_cast<double>(plan.bytes)), LoadsText(plan),
                                           id.empty() ? "" : fmt::format("; plan {} is approved", id));
    if (!wave.reassign.moves.empty()) {
      Add("ReassignPartitions", fmt::format("{} now of {}", wave.reassign.moves.size(), reason),
          wave.reassign);
    } else if (wave.waiting > 0) {
      PlannedStep& step = Add("ReassignPartitions", reason, std::nullopt);
      step.shown.blocked_by = wave.waits_for;
      step.awaited = true;
    }
    if (!wave.elect.partitions.empty()) {
      Add("ElectLeaders",
          fmt::format("{} partitions are led by another than their preferred replica",
                      wave.elect.partitions.size()),
          wave.elect);
    }
  }

  // Nothing is left to begin, something is still being copied.
  void Await(const BalanceWave& wave) {
    PlannedStep& step = Add("ReassignPartitions", "all that was planned has begun", std::nullopt);
    step.shown.blocked_by = fmt::format("{} partitions are being copied, {} in all", wave.under_way,
                                        BytesText(static_cast<double>(wave.bytes_under_way)));
    step.awaited = true;
  }

  void AskApproval(const BalancePlan& plan, const std::string& id) {
    Add("ReassignPartitions",
        fmt::format("plan {}: {}: {} moves, {}{}", id, ReasonsText(plan), plan.moves.size(),
                    BytesText(static_cast<double>(plan.bytes)), LoadsText(plan)),
        std::nullopt)
        .shown.blocked_by =
        fmt::format("it waits for approval: set the annotation {} to {}", resources::kApproveAnnotation, id);
  }

  void Throttle(AlterConfigs changes) {
    if (changes.changes.empty()) return;
    const bool sets =
        std::any_of(changes.changes.begin(), changes.changes.end(),
                    [](const AlterConfigs::Change& change) { return change.value.has_value(); });
    Add("AlterConfigs",
        sets ? "replicas are copied as fast as clients don't notice" : "no replicas are copied any more",
        std::move(changes));
  }

  std::vector<PlannedStep> Take() { return std::move(steps_); }

 private:
  PlannedStep& Add(std::string action, std::string reason, std::optional<KafkaAction> done) {
    PlannedStep step;
    step.kind = PlannedStep::Kind::kKafka;
    step.resource = k8s::kClusters;
    step.name = cluster_.meta.name;
    if (done) step.action = std::make_shared<const KafkaAction>(*std::move(done));
    step.shown.action = std::move(action);
    step.shown.object = fmt::format("Cluster/{}", cluster_.meta.name.name);
    step.shown.reason = std::move(reason);
    return steps_.emplace_back(std::move(step));
  }

  const ClusterResource& cluster_;
  std::vector<PlannedStep> steps_;
};

bool MovesForLoad(const BalancePlan& plan) {
  return std::any_of(plan.moves.begin(), plan.moves.end(), [](const BalanceMove& move) {
    return move.reason == MoveReason::kLoad || move.reason == MoveReason::kLeaders;
  });
}

}  // namespace

BalanceSteps PlanBalance(const ClusterResource& cluster, const Topology& topology, BalanceGoals goals,
                         const std::optional<ThrottleConfig>& throttle) {
  const api::Balance& spec = cluster.spec.balance;
  goals.tolerance = spec.tolerance_percent / 100.0;
  goals.load = goals.load && spec.mode != api::BalanceMode::kOff;
  BalancePlan plan = MakeBalancePlan(topology, goals);
  BalanceSteps planned;
  Steps steps(cluster);
  std::string approved;
  std::optional<BalancePlan> asks;
  planned.status.finished = cluster.status.balance.finished;
  if (spec.mode == api::BalanceMode::kApprove && goals.load) {
    const std::string id = PlanId(cluster, topology, goals);
    const auto& annotations = cluster.meta.annotations;
    const bool is_approved = std::any_of(annotations.begin(), annotations.end(), [&](const auto& annotation) {
      return annotation.first == resources::kApproveAnnotation && annotation.second == id;
    });
    const bool loads = MovesForLoad(plan);
    if (loads) planned.status.plan = id;
    if (loads && is_approved) approved = id;
    if (!loads && cluster.status.balance.plan == id) {
      const bool looked = plan.load_waits.empty() && plan.blocks.empty() && plan.moves.empty();
      planned.status.plan = looked ? "" : id;
      if (looked && is_approved) planned.status.finished = id;
    }
    if (loads && !is_approved) {
      asks = std::move(plan);
      goals.load = false;
      plan = MakeBalancePlan(topology, goals);
    }
  }
  MoveLimits limits;
  limits.partitions = spec.max_moves_in_flight;
  const BalanceWave wave = NextWave(topology, plan, limits);
  if (throttle) {
    const ThrottleGoals wanted = {.bytes_per_second = Quantity(spec.throttle_bytes_per_second),
                                  .broker_bytes_per_second = Quantity(spec.network_bytes_per_second)};
    steps.Throttle(ThrottleChanges(*throttle, WantedThrottle(Begun(topology, plan, wave), wanted)));
  }
  steps.Blocks(asks ? *asks : plan);
  if (!plan.moves.empty() || !plan.elect.empty()) {
    steps.Go(plan, wave, approved);
  } else if (wave.under_way > 0) {
    steps.Await(wave);
  }
  if (asks) steps.AskApproval(*asks, planned.status.plan);
  planned.steps = steps.Take();
  return planned;
}

}  // namespace dohle::reconcile
