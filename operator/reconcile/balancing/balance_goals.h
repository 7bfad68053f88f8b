// What a planner of replica movements shall bring about. Plain data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "lib/base/ids.h"

namespace dohle::reconcile {

struct BalanceGoals {
  std::vector<NodeId> brokers;  // that may hold replicas; empty: all that are registered
  std::vector<NodeId> drained;  // that shall hold none, registered or not
  // Wanted replicas of each partition, of the topics where it may differ from what there is.
  absl::flat_hash_map<std::string, int32_t> replication_factors;
  absl::flat_hash_set<std::string> excluded_topics;  // moved only where a hard goal asks it
  bool only_factors = false;                         // nothing but replication factors; loads neither
  bool load = true;         // false: hard goals only: replication factors, racks, emptied brokers, disks
  double tolerance = 0.1;   // how far a broker's load may be from the mean, as a share of it
  int64_t disk_bytes = -1;  // of brokers that don't tell; -1: unknown, so there is no limit
  // Differences below these are nobody's trouble.
  double negligible_bytes = 64 << 20;
  double negligible_bytes_per_second = 256 << 10;
};

inline constexpr double kDiskLimit = 0.85;        // of a disk, when all has moved
inline constexpr double kDiskLimitMoving = 0.95;  // while what moves away is still there, too

// What stays free of a disk even for the sake of what is asked for (emptied brokers, replication factors):
// for that, other limits don't count.
inline double LeastFree(double disk_bytes) { return std::min(0.01 * disk_bytes, 1024.0 * 1024 * 1024); }

}  // namespace dohle::reconcile
