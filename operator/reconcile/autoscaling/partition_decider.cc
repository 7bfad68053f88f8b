#include "operator/reconcile/autoscaling/partition_decider.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "operator/api/quantity.h"
#include "operator/reconcile/autoscaling/figures.h"

namespace dohle::reconcile::autoscaling {
namespace {

namespace reason = partition_reason;

// How long the load must exceed the target by how much.
struct Evidence {
  int64_t window_ms;
  double factor;
};
constexpr std::array<Evidence, 3> kEvidence = {{{3'000, 2.0}, {15'000, 1.4}, {60'000, 1.1}}};
constexpr double kLeastGrowth = 1.5;
constexpr double kMostGrowthForLag = 2.0;
// Between two growths: what the first one does must be seen.
constexpr int64_t kPauseMs = 10'000;
// Lag moves in the steps of commits, which are 5 s by default.
constexpr int64_t kLagStretchMs = 30'000;
constexpr int64_t kLagHoldsMs = 45'000;
constexpr int64_t kCatchingUpMs = 120'000;
constexpr int64_t kHeldForMs = 600'000;

PartitionDecision Stay(const PartitionObservation& seen, std::string_view why, std::string note) {
  return {false, seen.partitions, std::string(why), std::move(note)};
}

int32_t Ceiling(double count) {
  constexpr double kMany = 1e9;
  return static_cast<int32_t>(std::ceil(std::min(count, kMany) - 1e-9));
}

int32_t AtLeastByHalf(int32_t partitions, double wanted) {
  return std::max(Ceiling(wanted), Ceiling(kLeastGrowth * partitions));
}

std::optional<PartitionDecision> ByBytes(const PartitionLimits& limits, const PartitionObservation& seen,
                                         const PartitionState& state) {
  if (limits.bytes_per_second <= 0) return std::nullopt;
  const double meant = limits.bytes_per_second * seen.partitions;
  std::optional<PartitionDecision> found;
  for (const Evidence& evidence : kEvidence) {
    // A window has three looks or more, however seldom they are.
    const int64_t window_ms = std::max(evidence.window_ms, 3 * state.bytes.last_length_ms());
    const auto thirds = state.bytes.LastThirds(window_ms);
    if (!thirds || thirds->least < evidence.factor * meant) continue;
    const int32_t wanted = AtLeastByHalf(seen.partitions, thirds->median / limits.bytes_per_second);
    if (found && found->wanted >= wanted) continue;
    found = PartitionDecision{
        true, wanted, std::string(reason::kBytes),
        fmt::format("producers bring {} for {} now, {} for each of {} partitions; {} is asked for",
                    PerSecond(thirds->median), Seconds(window_ms),
                    PerSecond(thirds->median / seen.partitions), seen.partitions,
                    PerSecond(limits.bytes_per_second))};
  }
  return found;
}

struct LagFigures {
  int64_t records = 0, consumed = 0;
  double seconds = 0;
  int32_t behind = 0;
  std::optional<int32_t> stuck;
};

LagFigures FiguresOf(const GroupLag& group, const PartitionState::Group& before, double target_seconds) {
  LagFigures figures;
  for (const GroupLag::Partition& partition : group.partitions) {
    figures.records += partition.records;
    figures.seconds = std::max(figures.seconds, partition.seconds);
    if (partition.seconds > target_seconds / 2) ++figures.behind;
    const auto then = before.committed.find(partition.index);
    const int64_t moved =
        then == before.committed.end() ? 0 : std::max<int64_t>(partition.committed - then->second, 0);
    figures.consumed += moved;
    if (moved == 0 && partition.records > 0 && partition.seconds > target_seconds && !figures.stuck) {
      figures.stuck = partition.index;
    }
  }
  return figures;
}

// What a stretch of looks at a group that was behind all the time comes to; nothing: it is catching up.
std::optional<PartitionDecision> ByGroup(const PartitionLimits& limits, const PartitionObservation& seen,
                                         const GroupLag& group, const PartitionState::Group& before) {
  const LagFigures now = FiguresOf(group, before, limits.lag_seconds);
  const double took_ms = static_cast<double>(std::max<int64_t>(seen.time_ms - before.since_ms, 1));
  const std::string behind = fmt::format("group {} is {} behind, {} are asked for", group.group,
                                         Seconds(static_cast<int64_t>(now.seconds * 1000)),
                                         Seconds(static_cast<int64_t>(limits.lag_seconds * 1000)));
  const auto caught_up = static_cast<double>(before.records - now.records);
  if (caught_up > 0 && static_cast<double>(now.records) / caught_up * took_ms < kCatchingUpMs) {
    return std::nullopt;
  }
  if (!group.members) {
    return Stay(seen, reason::kUnknownConsumers, behind + "; how many consumers it has is unknown");
  }
  if (*group.members < seen.partitions) {
    return Stay(
        seen, reason::kFewConsumers,
        fmt::format("{}; it has {} consumers for {} partitions: add consumers, partitions wouldn't help",
                    behind, *group.members, seen.partitions));
  }
  if (now.stuck) {
    return Stay(
        seen, reason::kStuck,
        fmt::format("{}; nobody gets on with partition {}: partitions wouldn't help", behind, *now.stuck));
  }
  if (2 * now.behind < seen.partitions) {
    return Stay(seen, reason::kUneven,
                fmt::format("{}, but with {} of {} partitions only: more wouldn't help", behind, now.behind,
                            seen.partitions));
  }
  const auto consumed = static_cast<double>(now.consumed);
  const double produced = consumed + static_cast<double>(now.records - before.records);
  double wanted = consumed > 0 ? seen.partitions * produced / consumed : 0;
  // Consumers beyond the partitions are idle: they say how many there are to work.
  wanted = std::max(wanted, static_cast<double>(*group.members));
  wanted = std::min(wanted, kMostGrowthForLag * seen.partitions);
  return PartitionDecision{
      true, AtLeastByHalf(seen.partitions, wanted), std::string(reason::kLag),
      fmt::format("{}; its {} consumers take {:.0f} records/s from {} partitions, {:.0f} records/s come",
                  behind, *group.members, consumed * 1000 / took_ms, seen.partitions,
                  produced * 1000 / took_ms)};
}

double WorstSeconds(const GroupLag& group) {
  double worst = 0;
  for (const auto& partition : group.partitions) worst = std::max(worst, partition.seconds);
  return worst;
}

PartitionState::Group Begin(const GroupLag& group, int64_t now_ms) {
  PartitionState::Group begun;
  begun.since_ms = now_ms;
  for (const auto& partition : group.partitions) {
    begun.records += partition.records;
    begun.committed[partition.index] = partition.committed;
  }
  return begun;
}

// A group counts that was behind at every look of a stretch.
void TakeGroups(const PartitionLimits& limits, const PartitionObservation& seen, PartitionState& state) {
  if (limits.lag_seconds <= 0 || !seen.groups) return;
  std::map<std::string, PartitionState::Group> still_behind;
  bool any_ended = false;
  std::optional<PartitionDecision> found;
  for (const GroupLag& group : *seen.groups) {
    if (WorstSeconds(group) <= limits.lag_seconds) continue;
    const auto known = state.groups.find(group.group);
    if (known == state.groups.end()) {
      still_behind[group.group] = Begin(group, seen.time_ms);
    } else if (seen.time_ms - known->second.since_ms < kLagStretchMs) {
      still_behind[group.group] = std::move(known->second);
    } else {
      std::optional<PartitionDecision> decided = ByGroup(limits, seen, group, known->second);
      any_ended = true;
      if (decided && (!found || decided->wanted > found->wanted || (decided->grow && !found->grow))) {
        found = std::move(decided);
      }
      still_behind[group.group] = Begin(group, seen.time_ms);
    }
  }
  state.groups = std::move(still_behind);
  if (any_ended || state.groups.empty()) {
    state.lag = std::move(found);
    state.lag_ms = seen.time_ms;
  }
}

std::optional<PartitionDecision> ByLag(const PartitionObservation& seen, const PartitionState& state) {
  if (!state.lag || seen.time_ms - state.lag_ms > kLagHoldsMs) return std::nullopt;
  return state.lag;
}

// Growth is called for: what stands in its way?
PartitionDecision Bounded(const PartitionLimits& limits, const PartitionObservation& seen,
                          PartitionDecision decision) {
  const auto held = [&](std::string_view why, std::string note) {
    decision.grow = false;
    decision.reason = std::string(why);
    decision.note += "; " + std::move(note);
    return decision;
  };
  if (limits.key_order == api::KeyOrder::kStrict && seen.has_records.value_or(true)) {
    return held(
        reason::kKeyOrder,
        fmt::format("{} partitions would do, but keyOrder is Strict and the topic has had records: set it "
                    "to Relaxed if no consumer relies on the order of keys",
                    decision.wanted));
  }
  const bool full = seen.room < limits.most;
  const int32_t most = std::min(limits.most, seen.room);
  if (seen.partitions >= most) {
    if (full) {
      return held(reason::kRoom,
                  fmt::format("{} partitions would do, but its brokers hold {} replicas each at "
                              "most: add brokers",
                              decision.wanted, kMostReplicasOfBroker));
    }
    return held(reason::kMost,
                fmt::format("{} partitions would do, but maxPartitions is {}", decision.wanted, limits.most));
  }
  decision.wanted = std::min(decision.wanted, most);
  return decision;
}

PartitionDecision DecideNow(const PartitionLimits& limits, const PartitionObservation& seen,
                            PartitionState& state) {
  std::optional<PartitionDecision> by_bytes = ByBytes(limits, seen, state);
  std::optional<PartitionDecision> by_lag = ByLag(seen, state);
  const bool lag_first = by_lag && by_lag->grow && (!by_bytes || by_lag->wanted > by_bytes->wanted);
  std::optional<PartitionDecision> called = lag_first ? std::move(by_lag) : std::move(by_bytes);
  if (called) return Bounded(limits, seen, *std::move(called));
  if (by_lag) return *std::move(by_lag);
  if (state.bytes.empty() && limits.bytes_per_second > 0) {
    return Stay(seen, reason::kNoData, "nothing is known of its load yet");
  }
  return Stay(seen, reason::kWithin, fmt::format("{} partitions do", seen.partitions));
}

// What holds growth up is told steadily, though the load that calls for it comes and goes.
PartitionDecision Held(const PartitionObservation& seen, PartitionDecision decision, PartitionState& state) {
  const bool holds = decision.reason != reason::kWithin && decision.reason != reason::kNoData;
  const bool told =
      state.held_ms && seen.time_ms - *state.held_ms < kHeldForMs && state.held.wanted >= seen.partitions;
  if (!told) {
    state.held_ms.reset();
    if (holds) {
      state.held = decision;
      state.held_ms = seen.time_ms;
    }
    return decision;
  }
  if (!holds) return state.held;
  const bool much_more = decision.wanted >= kLeastGrowth * state.held.wanted;
  if (much_more) state.held = std::move(decision);
  if (much_more || decision.reason == state.held.reason) state.held_ms = seen.time_ms;
  return state.held;
}

}  // namespace

PartitionLimits LimitsOf(const api::TopicAutoscaling& autoscaling) {
  PartitionLimits limits;
  limits.most = autoscaling.max_partitions;
  if (autoscaling.target_bytes_per_second) {
    limits.bytes_per_second =
        static_cast<double>(api::ParseQuantity(*autoscaling.target_bytes_per_second).value_or(0));
  }
  limits.lag_seconds = autoscaling.target_lag_seconds.value_or(0);
  limits.key_order = autoscaling.key_order;
  return limits;
}

PartitionDecision DecidePartitions(const PartitionLimits& limits, const PartitionObservation& seen,
                                   PartitionState& state) {
  if (seen.bytes_in_per_second && state.last_ms >= 0) {
    state.bytes.Add(state.last_ms, seen.time_ms, *seen.bytes_in_per_second);
  }
  state.last_ms = seen.time_ms;
  TakeGroups(limits, seen, state);
  if (state.grown_ms && seen.time_ms - *state.grown_ms < kPauseMs) {
    return Stay(seen, reason::kWithin, fmt::format("{} partitions do", seen.partitions));
  }
  PartitionDecision decision = DecideNow(limits, seen, state);
  if (decision.grow) {
    state.grown_ms = seen.time_ms;
    state.held_ms.reset();
    // Lag must call again, with the consumers that there are for the new ones.
    state.lag.reset();
    state.groups.clear();
    return decision;
  }
  return Held(seen, std::move(decision), state);
}

}  // namespace dohle::reconcile::autoscaling
