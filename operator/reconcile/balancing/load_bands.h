// How far loads are out of balance, as one figure that gets smaller by a good move. Pure.
#pragma once

#include <array>

#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {

// Between which loads a broker may be. What lies outside counts in shares of the mean.
struct LoadBand {
  double mean = 0, lower = 0, upper = 0, scale = 1;

  double Excess(double load) const {
    if (load > upper) return (load - upper) / scale;
    return load < lower ? (lower - load) / scale : 0;
  }
};

class LoadBands {
 public:
  // Within `tolerance` around the means of now. Counts may always be the mean rounded either way.
  LoadBands(const Placement& placement, const BalanceGoals& goals, double tolerance);

  const LoadBand& operator[](Load load) const { return bands_[static_cast<size_t>(load)]; }

  // Most replicas and leaders of a topic that a broker may have.
  double MostReplicas(uint32_t topic) const { return most_replicas_[topic]; }
  double MostLeaders(uint32_t topic) const { return most_leaders_[topic]; }

  // Whether a usable broker is outside: of what replicas put on it wherever they are; of what leaders do.
  bool ReplicasOut(const Placement& placement) const;
  bool LeadersOut(const Placement& placement) const;

  // How much better it is when a replica goes to another broker, in shares of a mean broker; below 0: worse.
  // Counting what it puts there wherever it is; what it does as a leader, too.
  double ReplicaGain(const Placement& placement, uint32_t p, size_t seat, BrokerIndex to) const;
  double LeaderGain(const Placement& placement, uint32_t p, BrokerIndex from, BrokerIndex to) const;
  // The same by squares of the distance from the means: sees what is better within the bands, too. Below 0 if
  // it is worse by the bands.
  double EvenLeaderGain(const Placement& placement, uint32_t p, BrokerIndex from, BrokerIndex to) const;
  // How busy a broker is, 1 = as the mean; for choosing among brokers that are as good.
  double Busyness(const Placement& placement, uint32_t topic, BrokerIndex broker) const;

 private:
  double OneGain(Load load, const Placement& placement, double amount, BrokerIndex from,
                 BrokerIndex to) const;

  std::array<LoadBand, kLoadKinds> bands_;
  std::vector<float> most_replicas_, most_leaders_;  // by topic
  double topic_weight_ = 0, topic_leader_weight_ = 0;
};

}  // namespace dohle::reconcile
