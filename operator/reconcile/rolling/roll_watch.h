// Whether a roll that is under way makes its cluster worse. One for each Cluster, one executor; it remembers
// since when, and an operator that starts anew gives the cluster that time again.
#pragma once

#include <cstdint>
#include <string>

namespace dohle::reconcile {

struct RollSight {
  int64_t now_ms = 0;  // any clock that only goes forward
  bool under_way = false;
  bool all_ready = false;         // every broker is: nothing is being waited for
  int64_t leaderless = 0;         // partitions
  int64_t behind = 0;             // partitions that lack replicas in sync
  int64_t canary_failing_ms = 0;  // for how long the canary has been failing; 0 = it sings
  std::string canary_trouble;     // what it said last
};

class RollWatch {
 public:
  static constexpr int64_t kLeaderlessMs = 30'000;
  static constexpr int64_t kNoProgressMs = 120'000;
  static constexpr int64_t kCanaryMs = 10'000;

  // Why no further broker may go, a sentence; "" if nothing is amiss. By itself it says "" again once that is
  // over.
  std::string Look(const RollSight& sight);

 private:
  int64_t leaderless_since_ms_ = -1;
  int64_t least_behind_ = 0;  // since `behind_since_ms_`
  int64_t behind_since_ms_ = -1;
};

}  // namespace dohle::reconcile
