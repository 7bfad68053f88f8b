#include "operator/reconcile/healing/heal_safety.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "operator/reconcile/rolling/wave.h"

namespace dohle::reconcile {

namespace {

std::string NameOf(const Topology& topology, const PartitionPlace& partition) {
  return fmt::format("{}-{}", topology.topics[partition.topic].name, partition.index);
}

bool Serves(const Topology& topology, NodeId id) {
  return std::any_of(topology.brokers.begin(), topology.brokers.end(),
                     [&](const BrokerPlace& broker) { return broker.id == id && !broker.fenced; });
}

// Why this one can't do without the broker's replica; "" if it can.
std::string WhyNeeded(const Topology& topology, const PartitionPlace& partition, NodeId broker) {
  const auto others = std::count_if(partition.in_sync.begin(), partition.in_sync.end(),
                                    [&](NodeId id) { return id != broker && Serves(topology, id); });
  if (others == 0) {
    return fmt::format("{} has no other in-sync replica: what is on the disk may be the last copy",
                       NameOf(topology, partition));
  }
  const auto could_have = static_cast<int64_t>(partition.replicas.size()) - 1;
  const int64_t least = std::min<int64_t>(topology.topics[partition.topic].min_in_sync_replicas, could_have);
  if (others >= least) return "";
  return fmt::format("{} has {} other in-sync replicas, fewer than {}", NameOf(topology, partition), others,
                     least);
}

}  // namespace

std::string WhyNotEmptied(const Topology& topology, NodeId broker, Emptied emptied) {
  const bool serves = Serves(topology, broker);
  for (const PartitionPlace& partition : topology.partitions) {
    const auto has = [broker](const Replicas& replicas) {
      return std::find(replicas.begin(), replicas.end(), broker) != replicas.end();
    };
    if (!has(partition.replicas)) continue;
    const bool elsewhere =
        emptied == Emptied::kDirectory && serves && partition.leader != kNoNode && has(partition.in_sync);
    if (elsewhere) continue;
    if (std::string why = WhyNeeded(topology, partition, broker); !why.empty()) return why;
  }
  if (emptied == Emptied::kDirectory) return "";
  const auto& voters = topology.quorum.voters;
  const auto voter =
      std::find_if(voters.begin(), voters.end(), [&](const QuorumVoter& one) { return one.id == broker; });
  if (voter != voters.end() && voter->directory.is_zero())
    return "it is a voter of a fixed quorum, and would forget what it voted for";
  return WhyNoRestart(topology, broker);
}

std::string WhyNoRestart(const Topology& topology, NodeId broker) {
  const std::vector<QuorumVoter>& voters = topology.quorum.voters;
  const bool votes =
      std::any_of(voters.begin(), voters.end(), [&](const QuorumVoter& voter) { return voter.id == broker; });
  if (!votes) return "";
  const auto agree = std::count_if(voters.begin(), voters.end(), [&](const QuorumVoter& voter) {
    const bool caught_up = voter.ms_since_caught_up >= 0 && voter.ms_since_caught_up <= kVoterLagLimitMs;
    return voter.id != broker && caught_up;
  });
  const size_t majority = voters.size() / 2 + 1;
  if (static_cast<size_t>(agree) >= majority) return "";
  return fmt::format("it is one of {} voters, and without it {} are caught up: the quorum needs {}",
                     voters.size(), agree, majority);
}

}  // namespace dohle::reconcile
