#include "operator/reconcile/cluster/balance_steps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "operator/api/quantity.h"
#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/balancing/balance_wave.h"
#include "operator/reconcile/balancing/replication_throttle.h"
#include "operator/reconcile/cluster/cluster_objects.h"
#include "operator/reconcile/cluster/occupancy.h"
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

// Of what a wave begins, what empties brokers, or the rest.
ReassignPartitions MovesOf(const BalancePlan& plan, const BalanceWave& wave, bool empties) {
  ReassignPartitions moves;
  for (size_t i = 0; i < wave.begun.size(); ++i) {
    if ((plan.moves[wave.begun[i]].reason == MoveReason::kEmptied) == empties)
      moves.moves.push_back(wave.reassign.moves[i]);
  }
  return moves;
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
      if (block.reason == MoveReason::kEmptied) continue;
      Add("ReassignPartitions", "replicas are not where they are asked to be", std::nullopt)
          .shown.blocked_by = block.why;
    }
  }

  // What is begun of the plan, and what waits; `id`: of the plan that was approved, or "".
  void Go(const BalancePlan& plan, const BalanceWave& wave, const std::string& id) {
    const std::string reason = fmt::format("{}: {} moves, {}{}{}", ReasonsText(plan), plan.moves.size(),
                                           BytesText(static_cast<double>(plan.bytes)), LoadsText(plan),
                                           id.empty() ? "" : fmt::format("; plan {} is approved", id));
    ReassignPartitions moves = MovesOf(plan, wave, /*empties=*/false);
    if (!moves.moves.empty()) {
      std::string now = fmt::format("{} now of {}", moves.moves.size(), reason);
      Add("ReassignPartitions", std::move(now), std::move(moves));
    } else if (wave.waiting > 0) {
      PlannedStep& step = Add("ReassignPartitions", reason, std::nullopt);
      step.shown.blocked_by = wave.waits_for;
      step.awaited = true;
    }
  }
  void Elect(const BalanceWave& wave) {
    if (wave.elect.partitions.empty()) return;
    Add("ElectLeaders",
        fmt::format("{} partitions are led by another than their preferred replica",
                    wave.elect.partitions.size()),
        wave.elect);
  }

  // Nothing is left to begin, something is still being copied.
  void Await(const BalanceWave& wave) {
    PlannedStep& step = Add("ReassignPartitions", "all that was planned has begun", std::nullopt);
    step.shown.blocked_by = fmt::format("{} partitions are being copied, {} in all", wave.under_way,
                                        BytesText(static_cast<double>(wave.bytes_under_way)));
    step.awaited = true;
  }

  // `left`: replicas on brokers that are to be emptied.
  void Drain(const BalancePlan& plan, const BalanceWave& wave, const std::vector<NodeId>& drained,
             int64_t left) {
    std::vector<int32_t> ids;
    for (const NodeId id : drained) ids.push_back(id.value());
    const std::string object = fmt::format("Broker/{}", fmt::join(ids, ","));
    ReassignPartitions moves = MovesOf(plan, wave, /*empties=*/true);
    if (!moves.moves.empty()) {
      std::string reason =
          fmt::format("{} of {} replicas move to the brokers that stay", moves.moves.size(), left);
      PlannedStep& step = Add("MoveReplicas", std::move(reason), std::move(moves));
      step.shown.object = object;
      step.background = false;
      return;
    }
    PlannedStep& wait = Add("MoveReplicas", fmt::format("{} replicas are still there", left), std::nullopt);
    wait.shown.object = object;
    wait.background = false;
    const auto block = std::find_if(plan.blocks.begin(), plan.blocks.end(),
                                    [](const BalanceBlock& b) { return b.reason == MoveReason::kEmptied; });
    if (block != plan.blocks.end()) {
      wait.shown.blocked_by = block->why;
      return;
    }
    wait.shown.blocked_by = wave.waiting > 0 ? wave.waits_for : "they are on their way";
    wait.awaited = wave.waiting == 0 || wave.under_way > 0 || wave.held;
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
        sets ? "their replicas are copied no faster than spec.balance.throttle says"
             : "no replicas of them are copied any more",
        std::move(changes));
  }

  std::vector<PlannedStep> Take() { return std::move(steps_); }

 private:
  PlannedStep& Add(std::string action, std::string reason, std::optional<KafkaAction> done) {
    PlannedStep step;
    step.kind = PlannedStep::Kind::kKafka;
    step.resource = k8s::kClusters;
    step.name = cluster_.meta.name;
    step.background = true;
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

// A plan, and what of it waits for approval.
struct Approved {
  BalancePlan plan;
  std::string id;                   // of the plan that was approved, or ""
  std::optional<BalancePlan> asks;  // with what isn't
};

Approved Approve(const ClusterResource& cluster, const Topology& topology, BalanceGoals goals,
                 api::BalanceStatus* status) {
  Approved approved;
  approved.plan = MakeBalancePlan(topology, goals);
  if (cluster.spec.balance.mode != api::BalanceMode::kApprove || !goals.load) return approved;
  const BalancePlan& plan = approved.plan;
  const std::string id = PlanId(cluster, topology, goals);
  const auto& annotations = cluster.meta.annotations;
  const bool is_approved = std::any_of(annotations.begin(), annotations.end(), [&](const auto& annotation) {
    return annotation.first == resources::kApproveAnnotation && annotation.second == id;
  });
  const bool loads = MovesForLoad(plan);
  if (loads) status->plan = id;
  if (loads && is_approved) approved.id = id;
  if (!loads && cluster.status.balance.plan == id) {
    const bool looked = plan.load_waits.empty() && plan.blocks.empty() && plan.moves.empty();
    status->plan = looked ? "" : id;
    if (looked && is_approved) status->finished = id;
  }
  if (loads && !is_approved) {
    approved.asks = std::move(approved.plan);
    goals.load = false;
    approved.plan = MakeBalancePlan(topology, goals);
  }
  return approved;
}

int64_t WantedThrottle(const api::Balance& spec, const Topology& topology) {
  if (!spec.throttle) return 0;
  ThrottleGoals goals;
  goals.bytes_per_second = Quantity(spec.throttle);  // 0 if it is kAutoThrottle
  goals.broker_bytes_per_second = Quantity(spec.network_bytes_per_second);
  return ThrottleRate(topology, goals);
}

// Nothing of the wave begins that copies: the throttle comes first.
void Hold(const BalancePlan& plan, BalanceWave& wave) {
  BalanceWave held = wave;
  held.reassign.moves.clear();
  held.begun.clear();
  for (size_t i = 0; i < wave.begun.size(); ++i) {
    if (plan.moves[wave.begun[i]].bytes > 0) continue;
    held.begun.push_back(wave.begun[i]);
    held.reassign.moves.push_back(std::move(wave.reassign.moves[i]));
  }
  held.waiting += wave.begun.size() - held.begun.size();
  held.waits_for = "the throttle is being set";
  held.held = true;
  wave = std::move(held);
}

bool IsThrottled(const Topology& topology) {
  if (!topology.throttled_topics) return true;  // for all that is known
  return std::any_of(topology.throttled_topics->begin(), topology.throttled_topics->end(),
                     [](const auto& topic) { return topic.second == "*"; });
}

}  // namespace

BalanceGoals GoalsOf(const Formation& formation, const Topology& topology) {
  BalanceGoals goals;
  goals.load = formation.leaving.empty();
  for (const resources::Member& member : formation.members) {
    const NodeId id(member.id);
    if (!formation.Leaves(member.id)) {
      goals.brokers.push_back(id);
    } else if (IsClosed(topology, id)) {
      goals.drained.push_back(id);
    }
  }
  return goals;
}

BalanceSteps PlanBalance(const ClusterResource& cluster, const Topology& topology,
                         std::optional<BalanceGoals> goals, const ThrottleSight& throttle) {
  const api::Balance& spec = cluster.spec.balance;
  BalanceSteps planned;
  planned.status.finished = cluster.status.balance.finished;
  Approved go;
  if (goals) {
    goals->tolerance = spec.tolerance_percent / 100.0;
    goals->load = goals->load && spec.mode != api::BalanceMode::kOff;
    go = Approve(cluster, topology, *goals, &planned.status);
  }
  const BalancePlan& plan = go.plan;
  MoveLimits limits;
  limits.partitions = spec.max_moves_in_flight;
  BalanceWave wave = NextWave(topology, plan, limits);

  const int64_t rate = throttle.others ? 0 : WantedThrottle(spec, topology);
  const bool copies = rate > 0 && (Copies(topology) || wave.copied > 0);
  const bool in_place = throttle.ours > 0 && topology.throttled_topics.has_value();
  if (copies && !in_place) Hold(plan, wave);
  if (copies) {
    planned.throttle = rate;
  } else if (throttle.ours > 0 && IsThrottled(topology)) {
    planned.throttle = throttle.ours;  // topics first: by the brokers' it is known that theirs is ours
  }
  Steps steps(cluster);
  if (throttle.ours > 0) steps.Throttle(ThrottleTopics(Begun(topology, plan, wave), copies));
  int64_t left = 0;
  if (goals) {
    for (const NodeId id : goals->drained) left += ReplicasOn(topology, id);
  }
  if (left > 0) steps.Drain(plan, wave, goals->drained, left);
  steps.Blocks(go.asks ? *go.asks : plan);
  const bool others = std::any_of(plan.moves.begin(), plan.moves.end(), [](const BalanceMove& move) {
    return move.reason != MoveReason::kEmptied;
  });
  if (others) steps.Go(plan, wave, go.id);
  steps.Elect(wave);
  if (plan.moves.empty() && left == 0 && wave.under_way > 0) steps.Await(wave);
  if (go.asks) steps.AskApproval(*go.asks, planned.status.plan);
  planned.steps = steps.Take();
  return planned;
}

}  // namespace dohle::reconcile
