// What healing has to remember of a Cluster: since when a broker isn't heard, and when it was restarted for
// that. One for each Cluster, one executor. An operator that starts anew gives each broker that time again.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "operator/reconcile/healing/heal_plan.h"

namespace dohle::reconcile {

class HealWatch {
 public:
  // What lies between two sightings that tell of the same silence, at most.
  static constexpr int64_t kGapMs = 45'000;
  // Between two restarts; doubles with each.
  static constexpr int64_t kFirstBackOffMs = 60'000;
  static constexpr int64_t kMaxBackOffMs = 30 * 60'000;
  // A broker that went well for so long begins with the first again.
  static constexpr int64_t kForgetMs = 60 * 60'000;

  // Fills in unusable_ms, fenced_ms, healed and back_off_ms of all brokers. `now_ms`: any clock that only
  // goes forward.
  void Look(int64_t now_ms, HealSight* sight);
  // What is about to be done: what is seen next tells whether it was.
  void Note(const HealPlan& plan);

 private:
  struct Broker {
    std::string pod_uid;
    int64_t restarts = 0;  // of its container
    int64_t silent_since_ms = -1, silent_seen_ms = -1;
    std::string unusable;  // uids of claims
    int64_t unusable_since_ms = -1;
    bool restarting = false;  // that Pod, by us
    int32_t healed = 0;
    int64_t healed_ms = 0;
  };
  std::map<NodeId, Broker> brokers_;
};

}  // namespace dohle::reconcile
