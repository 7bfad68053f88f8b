#include "operator/reconcile/autoscaling/broker_decider.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "operator/api/quantity.h"
#include "operator/reconcile/autoscaling/figures.h"

namespace dohle::reconcile::autoscaling {
namespace {

namespace reason = broker_reason;

constexpr double kTolerance = 0.1;
constexpr double kSmoothingMs = 10'000;
// Looks are a few seconds apart; after a longer pause what was seen before says nothing of the time between.
constexpr int64_t kMostGapMs = 60'000;

// What the target that calls for most calls for.
struct Called {
  std::string_view reason;
  double brokers = 0;  // exactly; not yet rounded
  std::string note;
};
struct Calls {
  std::optional<Called> out, in;
};

struct Target {
  std::string_view reason;
  std::optional<double> (*get)(const BrokerReading& reading);
  std::string (*note)(int32_t telling, double mean, double target);
};

const Target kBytes = {reason::kBytes, [](const BrokerReading& reading) { return reading.bytes_per_second; },
                       [](int32_t telling, double mean, double target) {
                         return fmt::format("{} brokers carry {} each on average, {} are asked for", telling,
                                            PerSecond(mean), PerSecond(target));
                       }};
const Target kCpu = {reason::kCpu, [](const BrokerReading& reading) { return reading.cpu_share; },
                     [](int32_t telling, double mean, double target) {
                       return fmt::format(
                           "{} brokers take {:.0f} % of their CPU on average, {:.0f} % are asked for",
                           telling, 100 * mean, 100 * target);
                     }};
const Target kDisk = {reason::kDisk,
                      [](const BrokerReading& reading) -> std::optional<double> {
                        if (!reading.disk_used_bytes || reading.disk_bytes.value_or(0) <= 0)
                          return std::nullopt;
                        return *reading.disk_used_bytes / *reading.disk_bytes;
                      },
                      [](int32_t telling, double mean, double target) {
                        return fmt::format(
                            "the volumes of {} brokers are {:.0f} % full on average, {:.0f} % are asked for",
                            telling, 100 * mean, 100 * target);
                      }};

BrokerState::Call Smooth(BrokerState::Call now, int64_t now_ms, BrokerState::Smoothed& smoothed) {
  const auto passed_ms = static_cast<double>(now_ms - smoothed.time_ms);
  smoothed.time_ms = now_ms;
  if (!smoothed.value || passed_ms >= kMostGapMs) {
    smoothed.value = now;
  } else {
    const double share = 1 - std::exp(-passed_ms / kSmoothingMs);
    smoothed.value->out += (now.out - smoothed.value->out) * share;
    smoothed.value->in += (now.in - smoothed.value->in) * share;
  }
  return *smoothed.value;
}

// `smoothed` may be null: what moves slowly by itself is taken as it is.
void Take(const Target& kind, double target, const BrokerObservation& seen, BrokerState::Smoothed* smoothed,
          Calls& calls) {
  if (target <= 0) return;
  double known = 0;
  int32_t telling = 0;
  for (const BrokerReading& reading : seen.readings) {
    const std::optional<double> value = kind.get(reading);
    if (!value || !std::isfinite(*value) || *value < 0) continue;
    known += *value;
    ++telling;
  }
  if (telling == 0) return;
  BrokerState::Call call = {known / target, known / target + std::max(seen.brokers - telling, 0)};
  if (smoothed != nullptr) call = Smooth(call, seen.time_ms, *smoothed);
  const std::string note = kind.note(telling, call.out * target / telling, target);
  if (!calls.out || call.out > calls.out->brokers) calls.out = Called{kind.reason, call.out, note};
  if (!calls.in || call.in > calls.in->brokers) calls.in = Called{kind.reason, call.in, note};
}

Calls CallsOf(const BrokerLimits& limits, const BrokerObservation& seen, BrokerState& state) {
  Calls calls;
  Take(kBytes, limits.bytes_per_second, seen, &state.bytes, calls);
  Take(kCpu, limits.cpu_share, seen, &state.cpu, calls);
  Take(kDisk, limits.disk_share, seen, nullptr, calls);
  return calls;
}

int32_t Ceiling(double brokers) {
  return static_cast<int32_t>(std::ceil(std::min(brokers, static_cast<double>(api::kMaxBrokers)) - 1e-9));
}

// Within a tenth above the target there are enough.
int32_t ForScaleOut(const Called& call, int32_t brokers) {
  if (call.brokers <= brokers * (1 + kTolerance)) return std::min(Ceiling(call.brokers), brokers);
  return Ceiling(call.brokers);
}
// Fewer do if that leaves a tenth.
int32_t ForScaleIn(const Called& call) { return Ceiling(call.brokers / (1 - kTolerance)); }

BrokerDecision Decision(bool scale, int32_t wanted, std::string_view why, std::string note) {
  return {scale, wanted, std::string(why), std::move(note)};
}

bool CoolsDown(const BrokerLimits& limits, const BrokerObservation& seen, const BrokerState& state) {
  return state.scaled_ms && seen.time_ms - *state.scaled_ms < limits.cooldown_ms;
}

std::optional<BrokerDecision> ScaleOut(const BrokerLimits& limits, const BrokerObservation& seen,
                                       const BrokerState& state, const Called& call) {
  const int32_t now = ForScaleOut(call, seen.brokers);
  if (now <= seen.brokers) return std::nullopt;
  if (seen.brokers >= limits.most) {
    return Decision(false, seen.brokers, reason::kAtMost,
                    fmt::format("{}; maxBrokers is {}", call.note, limits.most));
  }
  const auto all_through = state.least_called.Least(limits.out_after_ms);
  if (all_through.value_or(0) <= seen.brokers) {
    return Decision(false, seen.brokers, reason::kStabilizing,
                    fmt::format("{}; more brokers must have been called for all through {}", call.note,
                                Seconds(limits.out_after_ms)));
  }
  if (state.scaled_out && CoolsDown(limits, seen, state)) {
    return Decision(
        false, seen.brokers, reason::kCooldown,
        fmt::format("{}; brokers were added less than {} ago", call.note, Seconds(limits.cooldown_ms)));
  }
  const int32_t lately = state.least_called.Least(limits.out_after_ms / 3).value_or(*all_through);
  const int32_t wanted = std::min(lately, limits.most);
  return Decision(true, wanted, call.reason, fmt::format("{}: {} brokers do", call.note, lately));
}

BrokerDecision ScaleIn(const BrokerLimits& limits, const BrokerObservation& seen, const BrokerState& state,
                       const Called& call) {
  const int32_t least = std::max(limits.least, seen.most_replicas);
  const auto within = [&] {
    return Decision(false, seen.brokers, reason::kWithin, fmt::format("{} brokers do", seen.brokers));
  };
  if (std::max(ForScaleIn(call), least) >= seen.brokers) return within();
  const std::optional<int32_t> most = state.most_called.Greatest(limits.in_after_ms);
  if (!most || std::max(*most, least) >= seen.brokers) return within();
  // Still falling: in a moment fewer will do, and no replica has to move twice.
  if (state.most_called.Greatest(limits.in_after_ms - limits.in_after_ms / 10) < most) return within();
  const int32_t wanted = std::max(*most, least);
  if (CoolsDown(limits, seen, state)) {
    return Decision(false, seen.brokers, reason::kCooldown,
                    fmt::format("{}; the number of brokers was changed less than {} ago", call.note,
                                Seconds(limits.cooldown_ms)));
  }
  if (!seen.no_scale_in.empty()) {
    return Decision(false, seen.brokers, reason::kBusy, fmt::format("{}; {}", call.note, seen.no_scale_in));
  }
  return Decision(
      true, wanted, reason::kFewerDo,
      fmt::format("{}: {} brokers have done for {}", call.note, wanted, Seconds(limits.in_after_ms)));
}

void NoticeChange(const BrokerObservation& seen, BrokerState& state) {
  if (state.brokers != 0 && state.brokers != seen.brokers) {
    state.scaled_ms = seen.time_ms;
    state.scaled_out = seen.brokers > state.brokers;
  }
  state.brokers = seen.brokers;
}

}  // namespace

BrokerLimits LimitsOf(const api::ClusterAutoscaling& autoscaling) {
  BrokerLimits limits;
  limits.least = autoscaling.min_brokers;
  limits.most = autoscaling.max_brokers;
  if (autoscaling.target_bytes_per_second) {
    limits.bytes_per_second =
        static_cast<double>(api::ParseQuantity(*autoscaling.target_bytes_per_second).value_or(0));
  }
  limits.cpu_share = autoscaling.target_cpu_percent.value_or(0) / 100.0;
  limits.disk_share = autoscaling.target_disk_percent.value_or(0) / 100.0;
  limits.out_after_ms = int64_t{1000} * autoscaling.out_stabilization_seconds;
  limits.in_after_ms = int64_t{1000} * autoscaling.in_stabilization_seconds;
  limits.cooldown_ms = int64_t{1000} * autoscaling.cooldown_seconds;
  limits.dry_run = autoscaling.dry_run;
  return limits;
}

BrokerDecision DecideBrokers(const BrokerLimits& limits, const BrokerObservation& seen, BrokerState& state) {
  NoticeChange(seen, state);
  // The user's own bounds wait for nothing but safety.
  if (seen.brokers < limits.least) {
    return Decision(true, limits.least, reason::kLeast, fmt::format("minBrokers is {}", limits.least));
  }
  if (seen.brokers > limits.most) {
    const std::string note = fmt::format("maxBrokers is {}", limits.most);
    if (seen.no_scale_in.empty()) return Decision(true, limits.most, reason::kMost, note);
    return Decision(false, seen.brokers, reason::kBusy, fmt::format("{}; {}", note, seen.no_scale_in));
  }
  const Calls calls = CallsOf(limits, seen, state);
  if (!calls.out) return Decision(false, seen.brokers, reason::kNoData, "nothing is known of its load yet");
  const int64_t keep_ms = std::max(limits.out_after_ms, limits.in_after_ms);
  state.least_called.Add(seen.time_ms, ForScaleOut(*calls.out, seen.brokers), keep_ms, kMostGapMs);
  state.most_called.Add(seen.time_ms, ForScaleIn(*calls.in), keep_ms, kMostGapMs);
  if (auto out = ScaleOut(limits, seen, state, *calls.out)) return *std::move(out);
  return ScaleIn(limits, seen, state, *calls.in);
}

}  // namespace dohle::reconcile::autoscaling
