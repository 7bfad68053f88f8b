#include "operator/reconcile/rolling/roll_watch.h"

#include <fmt/core.h>

namespace dohle::reconcile {

std::string RollWatch::Look(const RollSight& sight) {
  if (!sight.under_way) {
    leaderless_since_ms_ = behind_since_ms_ = -1;
    return "";
  }
  if (!sight.all_ready || sight.leaderless == 0)
    leaderless_since_ms_ = -1;
  else if (leaderless_since_ms_ < 0)
    leaderless_since_ms_ = sight.now_ms;

  if (!sight.all_ready || sight.behind == 0) {
    behind_since_ms_ = -1;
  } else if (behind_since_ms_ < 0 || sight.behind < least_behind_) {
    behind_since_ms_ = sight.now_ms;
    least_behind_ = sight.behind;
  }

  if (const int64_t ms = sight.now_ms - leaderless_since_ms_;
      leaderless_since_ms_ >= 0 && ms >= kLeaderlessMs)
    return fmt::format("{} partitions have had no leader for {} s", sight.leaderless, ms / 1000);
  if (const int64_t ms = sight.now_ms - behind_since_ms_; behind_since_ms_ >= 0 && ms >= kNoProgressMs) {
    return fmt::format("{} partitions lack replicas in sync, and none has caught up for {} s", sight.behind,
                       ms / 1000);
  }
  if (sight.canary_failing_ms >= kCanaryMs) {
    return fmt::format("the canary has failed for {} s: {}", sight.canary_failing_ms / 1000,
                       sight.canary_trouble);
  }
  return "";
}

}  // namespace dohle::reconcile
