#include "operator/reconcile/volumes/renewal.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "operator/api/quantity.h"

namespace dohle::reconcile {
namespace {

// Of the volumes: a broker that has them anew is filled again (balancing/balance_goals.h has the same limit).
constexpr double kFullest = 0.85;
constexpr int64_t kCaughtUpWithinMs = 10'000;

bool Has(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

std::string NameOf(const Topology& topology, const PartitionPlace& partition) {
  return fmt::format("{}-{}", topology.topics[partition.topic].name, partition.index);
}

const BrokerPlace* Find(const Topology& topology, NodeId id) {
  const auto it = std::find_if(topology.brokers.begin(), topology.brokers.end(),
                               [&](const BrokerPlace& broker) { return broker.id == id; });
  return it == topology.brokers.end() ? nullptr : &*it;
}

bool CaughtUp(const QuorumVoter& voter) {
  return voter.ms_since_caught_up >= 0 && voter.ms_since_caught_up <= kCaughtUpWithinMs;
}

// Another broker could take the replica of it.
bool HasOtherPlace(const Topology& topology, const PartitionPlace& partition, NodeId id) {
  return std::any_of(topology.brokers.begin(), topology.brokers.end(), [&](const BrokerPlace& broker) {
    return broker.id != id && !broker.fenced && !broker.cordoned && !Has(partition.replicas, broker.id);
  });
}

// Replicas in sync besides its own.
int32_t OthersInSync(const PartitionPlace& partition, NodeId id) {
  return static_cast<int32_t>(std::count_if(partition.in_sync.begin(), partition.in_sync.end(),
                                            [&](NodeId replica) { return replica != id; }));
}

// Why a replica that stays can't be copied anew, as others would miss it; "" if it can.
std::string WhyMissed(const Topology& topology, const PartitionPlace& partition, NodeId id) {
  const int32_t others = OthersInSync(partition, id);
  if (others == 0) {
    return fmt::format("partition {} has no other replica in sync, and no broker to move to",
                       NameOf(topology, partition));
  }
  const int32_t least = topology.topics[partition.topic].min_in_sync_replicas;
  // One that nobody can write to even now isn't worse off.
  if (others >= least || static_cast<int32_t>(partition.in_sync.size()) < least) return "";
  return fmt::format(
      "partition {} would have {} replicas in sync while it is away, fewer than its "
      "min.insync.replicas of {}, and has no broker to move to",
      NameOf(topology, partition), others, least);
}

// Who could vote in its place.
bool HasSubstitute(const Topology& topology, NodeId id) {
  const QuorumPlace& quorum = topology.quorum;
  return std::any_of(quorum.observers.begin(), quorum.observers.end(), [&](const QuorumVoter& observer) {
    const BrokerPlace* broker = Find(topology, observer.id);
    const bool votes = std::any_of(quorum.voters.begin(), quorum.voters.end(),
                                   [&](const QuorumVoter& voter) { return voter.id == observer.id; });
    return observer.id != id && !votes && broker != nullptr && !broker->fenced;
  });
}

std::string WhyQuorumNeeds(const Topology& topology, NodeId id) {
  const std::vector<QuorumVoter>& voters = topology.quorum.voters;
  const bool votes =
      std::any_of(voters.begin(), voters.end(), [&](const QuorumVoter& voter) { return voter.id == id; });
  if (!votes) return "";
  if (HasSubstitute(topology, id)) return "it votes until another broker does in its place";
  const auto others =
      static_cast<size_t>(std::count_if(voters.begin(), voters.end(), [&](const QuorumVoter& voter) {
        return voter.id != id && CaughtUp(voter);
      }));
  if (others >= voters.size() / 2 + 1) return "";
  return fmt::format("without its vote there is no majority: {} other voters of {} are caught up", others,
                     voters.size());
}

// What makes a bad moment to begin; it passes.
std::string WhyNotNow(const Topology& topology, const std::vector<int32_t>& members) {
  for (const int32_t id : members) {
    const BrokerPlace* broker = Find(topology, NodeId(id));
    if (broker == nullptr || broker->fenced) return fmt::format("broker {} doesn't serve", id);
    if (broker->cordoned) return fmt::format("broker {} takes no replicas yet", id);
  }
  for (const PartitionPlace& partition : topology.partitions) {
    if (partition.reassigned())
      return fmt::format("partition {} is being moved, among others", NameOf(topology, partition));
    if (partition.in_sync.size() < partition.replicas.size())
      return fmt::format("partition {} has replicas that aren't in sync", NameOf(topology, partition));
  }
  for (const QuorumVoter& voter : topology.quorum.voters) {
    if (!CaughtUp(voter)) return fmt::format("voter {} isn't caught up", voter.id.value());
  }
  return "";
}

// Room that the others have for more.
double RoomBeside(const Topology& topology, NodeId id) {
  double room = 0;
  for (const BrokerPlace& broker : topology.brokers) {
    if (broker.id == id || broker.fenced || broker.cordoned) continue;
    if (broker.disk_bytes < 0 || broker.disk_free_bytes < 0) return -1;
    const auto total = static_cast<double>(broker.disk_bytes);
    room += std::max(static_cast<double>(broker.disk_free_bytes) - (1 - kFullest) * total, 0.0);
  }
  return room;
}

// A quorum whose voters have no directory ids can't tell one that has forgotten its votes from another.
bool VotesForGood(const Topology& topology, NodeId id) {
  const std::vector<QuorumVoter>& voters = topology.quorum.voters;
  return std::any_of(voters.begin(), voters.end(),
                     [&](const QuorumVoter& voter) { return voter.id == id && voter.directory.is_zero(); });
}

// What somebody has to mend before it can begin.
std::string WhyNever(const Topology& topology, const RenewalCase& what, size_t members) {
  const NodeId id(what.broker);
  if (members < 2)
    return "it is the only broker, and nobody can hold its replicas meanwhile: add one, or set it back";
  if (VotesForGood(topology, id))
    return "it is a voter of a quorum that can't change, as the Cluster was made by an older operator: set "
           "it "
           "back";
  int64_t moving = 0, held = 0;
  for (const PartitionPlace& partition : topology.partitions) {
    if (!Has(partition.replicas, id)) continue;
    held += partition.bytes;
    if (HasOtherPlace(topology, partition, id)) {
      moving += partition.bytes;
    } else if (std::string why = WhyMissed(topology, partition, id); !why.empty()) {
      return why + ": add a broker, or set it back";
    }
  }
  if (what.new_bytes >= 0 && static_cast<double>(held) > kFullest * static_cast<double>(what.new_bytes)) {
    return fmt::format(
        "it holds {} bytes, more than {:.0f} % of the {} that it would have: ask for more, or "
        "let topics keep less",
        held, kFullest * 100, api::FormatQuantity(what.new_bytes));
  }
  const double room = RoomBeside(topology, id);
  if (room >= 0 && static_cast<double>(moving) > room) {
    return fmt::format(
        "{} bytes have to move to the other brokers, which have room for {:.0f}: give them "
        "more, or add a broker",
        moving, room);
  }
  return "";
}

// The active controller goes last.
std::vector<const RenewalCase*> InOrder(const std::vector<RenewalCase>& cases, const Topology* topology) {
  std::vector<const RenewalCase*> order;
  for (const RenewalCase& what : cases) order.push_back(&what);
  const int32_t controller = topology == nullptr ? -1 : topology->quorum.leader.value();
  std::stable_sort(order.begin(), order.end(), [&](const RenewalCase* a, const RenewalCase* b) {
    return std::make_pair(!a->begun, a->broker == controller) <
           std::make_pair(!b->begun, b->broker == controller);
  });
  return order;
}

}  // namespace

std::string WhyRenewed(const api::StorageVolume& volume, const Claim& claim, const VolumeSize& size) {
  if (volume.storage_class_name && *volume.storage_class_name != claim.storage_class) {
    return fmt::format("volume {} is of storage class {} and shall be of {}", volume.name,
                       claim.storage_class.empty() ? "none" : claim.storage_class,
                       *volume.storage_class_name);
  }
  if (!size.shrinks) return "";
  return fmt::format("volume {} has {} and shall have less", volume.name,
                     api::FormatQuantity(claim.requested));
}

RenewalPlan PlanRenewals(const std::vector<RenewalCase>& cases, const std::vector<int32_t>& members,
                         const Topology* topology, const std::string& hold) {
  RenewalPlan plan;
  std::string wait = hold;
  for (const RenewalCase* what : InOrder(cases, topology)) {
    if (wait.empty() && what->begun) {
      plan.broker = what->broker;
      plan.reason = what->reason;
    } else {
      std::string never = topology == nullptr ? "" : WhyNever(*topology, *what, members.size());
      if (wait.empty() && topology == nullptr) wait = "no broker tells what there is";
      if (wait.empty() && never.empty()) wait = WhyNotNow(*topology, members);
      if (wait.empty() && never.empty()) {
        plan.broker = what->broker;
        plan.reason = what->reason;
      } else {
        const bool passes = never.empty();
        plan.waiting.push_back({what->broker, what->reason, passes ? wait : std::move(never), passes});
      }
    }
    if (plan.broker && wait.empty()) wait = fmt::format("broker {} is first", *plan.broker);
  }
  return plan;
}

std::string WhyNotStopped(const Topology& topology, NodeId id) {
  const BrokerPlace* broker = Find(topology, id);
  if (broker != nullptr && !broker->cordoned && !broker->fenced) return "it takes new replicas still";
  int64_t left = 0, moving = 0;
  for (const PartitionPlace& partition : topology.partitions) {
    if (!Has(partition.replicas, id)) continue;
    if (partition.reassigned()) ++moving;
    if (HasOtherPlace(topology, partition, id)) ++left;
  }
  if (moving > 0) return fmt::format("{} replicas are on their way", moving);
  if (left > 0) return fmt::format("{} replicas are to be moved", left);
  for (const PartitionPlace& partition : topology.partitions) {
    if (!Has(partition.replicas, id)) continue;
    if (std::string why = WhyMissed(topology, partition, id); !why.empty()) return why;
  }
  return WhyQuorumNeeds(topology, id);
}

std::string WhyNotDeleted(const Topology& topology, NodeId id) {
  const BrokerPlace* broker = Find(topology, id);
  if (broker != nullptr && !broker->fenced) return "its broker serves still";
  for (const PartitionPlace& partition : topology.partitions) {
    if (!Has(partition.replicas, id)) continue;
    if (Has(partition.in_sync, id) || OthersInSync(partition, id) == 0)
      return fmt::format("partition {} counts on it", NameOf(topology, partition));
  }
  return WhyQuorumNeeds(topology, id);
}

bool IsNeeded(const Topology& topology, NodeId id) {
  return std::any_of(topology.partitions.begin(), topology.partitions.end(),
                     [&](const PartitionPlace& partition) {
                       return Has(partition.replicas, id) && OthersInSync(partition, id) == 0;
                     });
}

}  // namespace dohle::reconcile
