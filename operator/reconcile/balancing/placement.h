// Where every replica shall be, as planners change it: partitions with their seats, and what that puts on
// each broker. The first seat is the preferred leader's. Compact: 100,000 partitions are some 8 MB. One
// planner.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "operator/reconcile/balancing/balance_goals.h"
#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

using BrokerIndex =
    uint16_t;  // a place in Placement::brokers(): those registered and those that hold replicas
using Seats = absl::InlinedVector<BrokerIndex, 8>;
using Loads = std::array<double, kLoadKinds>;  // by Load

inline bool Contains(const Seats& seats, BrokerIndex broker) {
  for (const BrokerIndex seat : seats) {
    if (seat == broker) return true;
  }
  return false;
}

struct PlacedBroker {
  NodeId id = kNoNode;
  uint16_t rack = 0;
  bool usable = false;  // may be given replicas: wanted, registered, not to be emptied
  bool drained = false;
  bool down = true;        // fenced or not registered
  bool cordoned = false;   // takes no new replicas
  double disk_bytes = 0;   // infinite: unknown, or not to be judged
  double other_bytes = 0;  // on its disks besides the partitions
  Loads load = {};
};

struct PlacedPartition {
  // For the load's sake: may be moved; may only go back to what still holds it; stays.
  enum class Freedom : uint8_t { kMoves, kReturns, kStays };

  Seats seats;
  uint32_t topic = 0;
  MoveReason reason = MoveReason::kNone;
  Freedom freedom = Freedom::kMoves;
  double bytes = 0, bytes_in = 0, bytes_out = 0;
};

class Placement {
 public:
  // At first: what is there when all that is under way has been done.
  Placement(const Topology& topology, const BalanceGoals& goals);

  const std::vector<PlacedBroker>& brokers() const { return brokers_; }
  const std::vector<PlacedPartition>& partitions() const { return partitions_; }
  const PlacedPartition& partition(uint32_t p) const { return partitions_[p]; }
  const std::vector<BrokerIndex>& usable() const { return usable_; }
  BrokerIndex IndexOf(NodeId id) const { return index_.at(id); }
  int racks() const { return racks_; }  // with a usable broker

  // `reason` is kept if it is the first. Replaces the broker at a seat; sets all of them; makes a seat first.
  void Move(uint32_t p, size_t seat, BrokerIndex to, MoveReason reason);
  void SetSeats(uint32_t p, const Seats& seats, MoveReason reason);
  void Prefer(uint32_t p, size_t seat, MoveReason reason);

  // What has been copied to there already, or is being copied: costs nothing.
  bool Holds(uint32_t p, BrokerIndex broker) const { return Contains(held_[p], broker); }
  const Seats& held(uint32_t p) const { return held_[p]; }
  // How often something was changed.
  int64_t changes() const { return changes_; }
  // As if all had been moved: what costs something, and the sums, are those of a topology like that.
  void Settle();

  // What the replica on `seat` puts on its broker.
  Loads LoadOf(uint32_t p, size_t seat) const;
  int DistinctRacks(const Seats& seats) const;
  // Whether the disk takes one more replica of that size: within kDiskLimit; so that it isn't fuller than
  // that of `from` is now, which gives it away; or at all.
  bool Fits(BrokerIndex broker, double bytes) const { return FullAfter(broker, bytes) <= kDiskLimit; }
  bool FitsFrom(BrokerIndex from, BrokerIndex broker, double bytes) const {
    return FullAfter(broker, bytes) <= std::max(kDiskLimit, FullAfter(from, 0));
  }
  bool FitsAtAll(BrokerIndex broker, double bytes) const {
    const double disk = brokers_[broker].disk_bytes;
    return bytes <= 0 || FullAfter(broker, bytes) <= 1 - LeastFree(disk) / disk;
  }
  LoadSpreads Spreads() const;

  // Replicas and leaders of a topic on a broker, for topics of more than one partition; null for the others.
  struct TopicCount {
    int32_t replicas = 0, leaders = 0;
  };
  const TopicCount* CountsOf(uint32_t topic) const {
    return row_of_topic_[topic] == kNoRow ? nullptr
                                          : &counts_[size_t{row_of_topic_[topic]} * brokers_.size()];
  }
  struct TopicTotal {
    int32_t partitions = 0, replicas = 0;
    uint32_t first = 0;  // partition
  };
  const std::vector<TopicTotal>& topics() const { return topics_; }

 private:
  static constexpr uint32_t kNoRow = UINT32_MAX;

  void AddBrokers(const Topology& topology, const BalanceGoals& goals);
  BrokerIndex AddBroker(NodeId id);
  void AddPartitions(const Topology& topology, const BalanceGoals& goals);
  void MeasureDisks(const Topology& topology, const BalanceGoals& goals);
  void Count(uint32_t p, int sign);
  void Explain(uint32_t p, MoveReason reason);
  // As a share of the disk.
  double FullAfter(BrokerIndex broker, double bytes) const {
    const PlacedBroker& b = brokers_[broker];
    return (b.other_bytes + b.load[static_cast<size_t>(Load::kBytes)] + bytes) / b.disk_bytes;
  }

  std::vector<PlacedBroker> brokers_;
  absl::flat_hash_map<NodeId, BrokerIndex> index_;
  std::vector<BrokerIndex> usable_;
  int racks_ = 0;
  int64_t changes_ = 0;
  std::vector<PlacedPartition> partitions_;
  std::vector<Seats> held_;
  std::vector<TopicTotal> topics_;
  std::vector<uint32_t> row_of_topic_;
  std::vector<TopicCount> counts_;  // rows of brokers
};

}  // namespace dohle::reconcile
