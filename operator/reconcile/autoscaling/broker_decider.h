// Whether a cluster needs more brokers, or does with fewer, and how many: from what is seen of its load over
// time. Pure; the state is plain data that belongs to one Cluster.
//
// Each target says how many brokers the load calls for; the greatest number counts. The load is smoothed, so
// that an odd reading moves little. Brokers are added once more have been called for all through
// scaleOutStabilizationSeconds, as many as were called for all through its last third; taken away once fewer
// were enough all through scaleInStabilizationSeconds, down to the most that were called for in it. A tenth
// above the target calls for no more yet, and fewer are enough only if they come to a tenth below it. What
// isn't known of a broker counts as nothing for adding brokers, and as being on target for taking any away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/reconcile/autoscaling/sliding_extremes.h"

namespace dohle::reconcile::autoscaling {

struct BrokerLimits {
  int32_t least = 1, most = 1;
  double bytes_per_second = 0;  // of each broker; 0 = no target
  double cpu_share = 0;         // likewise; 1 = all that it has
  double disk_share = 0;
  int64_t out_after_ms = 60'000, in_after_ms = 1'800'000, cooldown_ms = 300'000;
  bool dry_run = false;
};
BrokerLimits LimitsOf(const api::ClusterAutoscaling& autoscaling);

// What is read of one broker; nothing: unknown.
struct BrokerReading {
  std::optional<double> bytes_per_second;  // of clients, in and out, since the reading before
  std::optional<double> cpu_share;         // likewise
  std::optional<double> disk_used_bytes, disk_bytes;
};

struct BrokerObservation {
  int64_t time_ms = 0;  // of a clock that doesn't go back
  int32_t brokers = 0;  // that are asked for; those that aren't there have no reading
  std::vector<BrokerReading> readings;
  // Why no broker may be taken away at present: a sentence; "" = nothing is in the way.
  std::string no_scale_in;
  // With fewer, partitions would lose replicas.
  int32_t most_replicas = 1;
};

// Reasons; those of decisions to scale first.
namespace broker_reason {
inline constexpr std::string_view kBytes = "BytesPerSecond";
inline constexpr std::string_view kCpu = "Cpu";
inline constexpr std::string_view kDisk = "Disk";
inline constexpr std::string_view kFewerDo = "FewerBrokersDo";
inline constexpr std::string_view kLeast = "MinBrokers";
inline constexpr std::string_view kMost = "MaxBrokers";
inline constexpr std::string_view kWithin = "WithinTargets";
inline constexpr std::string_view kNoData = "NothingKnownYet";
// More or fewer brokers are called for, but:
inline constexpr std::string_view kAtMost = "AtMaxBrokers";
inline constexpr std::string_view kStabilizing = "Stabilizing";
inline constexpr std::string_view kCooldown = "Cooldown";
inline constexpr std::string_view kBusy = "ClusterIsBusy";
}  // namespace broker_reason

struct BrokerDecision {
  bool scale = false;  // to `wanted`; in a dry run: would
  int32_t wanted = 0;
  std::string reason;
  std::string note;  // a sentence with the figures
};

struct BrokerState {
  // How many brokers a target calls for, smoothed; nothing: never known.
  struct Call {
    double out = 0;  // if what is unknown is nothing
    double in = 0;   // if it is on target
  };
  struct Smoothed {
    std::optional<Call> value;
    int64_t time_ms = 0;
  };
  Smoothed bytes, cpu;
  // What was called for, by the greatest `out` and the greatest `in`, in whole brokers.
  SlidingExtremes least_called, most_called;
  std::optional<int64_t> scaled_ms;  // the last change, by whomever
  bool scaled_out = false;           // it was one to more
  int32_t brokers = 0;               // that were asked for when last looked
};

// To be asked at every observation, in the order of time. A change that it decides, or that somebody else has
// made since, is known by the next observation.
BrokerDecision DecideBrokers(const BrokerLimits& limits, const BrokerObservation& seen, BrokerState& state);

}  // namespace dohle::reconcile::autoscaling
