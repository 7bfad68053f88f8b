#include "operator/reconcile/topic/topic_replication.h"

#include <fmt/format.h>

#include <utility>

#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/balancing/balance_wave.h"

namespace dohle::reconcile {

StringMap<ReplicationSight> SeeReplication(const Topology& topology) {
  const auto takes = [](const BrokerPlace& broker) { return !broker.cordoned; };
  const auto brokers =
      static_cast<int32_t>(std::count_if(topology.brokers.begin(), topology.brokers.end(), takes));
  StringMap<ReplicationSight> sights;
  for (const PartitionPlace& place : topology.partitions) {
    const auto [it, first] = sights.try_emplace(topology.topics[place.topic].name);
    ReplicationSight& sight = it->second;
    const auto there = static_cast<int32_t>(place.replicas.size() - place.adding.size());
    sight.brokers = brokers;
    ++sight.partitions;
    sight.fewest = first ? there : std::min(sight.fewest, there);
    sight.most = std::max(sight.most, there);
    const auto in_the_end = static_cast<int32_t>(place.replicas.size() - place.removing.size());
    if (there >= in_the_end) sight.ends_with.push_back(in_the_end);
  }
  return sights;
}

ReplicationVerdict JudgeReplication(const std::string& topic, int32_t wanted, const ReplicationSight& sight,
                                    bool fewer_asked) {
  const int32_t done = sight.Having(wanted);
  if (done == sight.partitions)
    return {"", fmt::format("Topic {} has {} replicas of each partition.", topic, wanted)};
  if (sight.fewest < wanted && sight.brokers < wanted) {
    return {topic_reason::kTooFewBrokers,
            fmt::format(
                "Topic {} is to have {} replicas, and {} that take{} them. Add brokers, or set "
                "spec.replicas to at most {}.",
                topic, wanted,
                sight.brokers == 1 ? "there is 1 broker" : fmt::format("there are {} brokers", sight.brokers),
                sight.brokers == 1 ? "s" : "", sight.brokers)};
  }
  if (sight.fewest >= wanted && !fewer_asked) {
    return {topic_reason::kMoreReplicas,
            fmt::format("Topic {0} has {1} replicas of each partition, {2} are asked for. To drop some, set "
                        "spec.replicas to {1} first.",
                        topic, sight.most, wanted)};
  }
  return {topic_reason::kReplicasChanging,
          fmt::format("Topic {} gets {} replicas of each partition: {} of {} partitions have them.", topic,
                      wanted, done, sight.partitions)};
}

ReplicationStep PlanReplication(const Topology& topology, const StringMap<int32_t>& wanted) {
  BalanceGoals goals;
  goals.only_factors = true;
  for (const auto& [topic, replicas] : wanted) goals.replication_factors[topic] = replicas;
  const BalancePlan plan = MakeBalancePlan(topology, goals);
  BalanceWave wave = NextWave(topology, plan, {});
  ReplicationStep step;
  for (ReassignPartitions::Move& move : wave.reassign.moves) {
    step.moves.push_back(
        {std::move(move.topic), move.partition, {move.replicas.begin(), move.replicas.end()}});
  }
  if (!step.moves.empty() || wave.under_way > 0) return step;
  if (!plan.blocks.empty()) step.refusal = plan.blocks.front().why;
  if (wave.waiting > 0) step.refusal = wave.waits_for;
  return step;
}

}  // namespace dohle::reconcile
