#include "operator/reconcile/balancing/hard_goals.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "operator/reconcile/balancing/destination.h"

namespace dohle::reconcile {
namespace {

bool Has(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

class HardGoals {
 public:
  HardGoals(const Topology& topology, const BalanceGoals& goals, Placement& placement,
            std::vector<BalanceBlock>& blocks)
      : topology_(topology),
        goals_(goals),
        placement_(placement),
        blocks_(blocks),
        bands_(placement, goals, goals.tolerance) {}

  void Reach() {
    for (uint32_t p = 0; p < placement_.partitions().size(); ++p) ReachReplicationFactor(p);
    TellTooFewBrokers();
    if (goals_.only_factors) return TellUnplaced();
    bands_ = LoadBands(placement_, goals_, goals_.tolerance);
    EmptyBrokers(true);
    EmptyBrokers(false);
    for (uint32_t p = 0; p < placement_.partitions().size(); ++p) SpreadOverRacks(p);
    for (const BrokerIndex b : placement_.usable()) RelieveDisk(b);
    TellUnplaced();
  }

 private:
  template <typename... Args>
  void Block(MoveReason reason, fmt::format_string<Args...> format, Args&&... args) {
    blocks_.push_back({reason, fmt::format(format, std::forward<Args>(args)...)});
  }
  const PlacedPartition& At(uint32_t p) const { return placement_.partition(p); }
  const PlacedBroker& Broker(BrokerIndex b) const { return placement_.brokers()[b]; }
  std::string NameOf(uint32_t p) const {
    const PartitionPlace& place = topology_.partitions[p];
    return fmt::format("{}-{}", topology_.topics[place.topic].name, place.index);
  }
  size_t Usable() const { return placement_.usable().size(); }
  int RacksToKeep(uint32_t p, size_t replicas) const {
    return std::min(placement_.DistinctRacks(At(p).seats), WantedRacks(placement_, replicas));
  }

  void ReachReplicationFactor(uint32_t p) {
    const uint32_t topic = At(p).topic;
    const auto it = goals_.replication_factors.find(topology_.topics[topic].name);
    if (it == goals_.replication_factors.end() || it->second < 1) return;
    const auto wanted = static_cast<size_t>(it->second);
    if (At(p).seats.size() != wanted && topology_.partitions[p].leader == kNoNode)
      return unfollowable_.push_back(p);
    while (At(p).seats.size() > wanted) DropReplica(p);
    if (At(p).seats.size() < wanted && wanted > Usable()) {
      too_few_brokers_[wanted].push_back(topic);
      return;
    }
    while (At(p).seats.size() < wanted) {
      const auto to = FindBroker(placement_, bands_, p, At(p).seats.size(), 0, DiskUse::kAsked);
      if (!to) return unplaced_[MoveReason::kReplicationFactor].push_back(p);
      Seats seats = At(p).seats;
      seats.push_back(*to);
      placement_.SetSeats(p, seats, MoveReason::kReplicationFactor);
    }
  }

  // The replica that is missed least: never one of the last in sync, nor the leader while there is another.
  void DropReplica(uint32_t p) {
    const Seats& seats = At(p).seats;
    const PartitionPlace& place = topology_.partitions[p];
    size_t dropped = 0;
    std::tuple<bool, bool, bool, int, bool, double> most_dispensable;
    for (size_t i = 0; i < seats.size(); ++i) {
      const PlacedBroker& broker = Broker(seats[i]);
      Seats rest = seats;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      const std::tuple dispensable(
          !Has(place.in_sync, broker.id) || broker.down, broker.id != place.leader, !broker.usable,
          std::min(placement_.DistinctRacks(rest), WantedRacks(placement_, rest.size())), i != 0,
          bands_.Busyness(placement_, At(p).topic, seats[i]));
      if (i != 0 && dispensable <= most_dispensable) continue;
      most_dispensable = dispensable;
      dropped = i;
    }
    Seats rest = seats;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(dropped));
    placement_.SetSeats(p, rest, MoveReason::kReplicationFactor);
  }

  // Of those that are down as much as can be; those that serve all the way or not at all.
  void EmptyBrokers(bool down) {
    const auto concerned = [&](BrokerIndex b) { return Broker(b).drained && Broker(b).down == down; };
    if (std::none_of(placement_.brokers().begin(), placement_.brokers().end(),
                     [&](const PlacedBroker& b) { return b.drained && b.down == down; })) {
      return;
    }
    std::vector<uint32_t> held;
    for (uint32_t p = 0; p < placement_.partitions().size(); ++p) {
      const Seats& seats = At(p).seats;
      if (std::any_of(seats.begin(), seats.end(), concerned)) held.push_back(p);
    }
    // Big ones first, while there is room for them.
    std::stable_sort(held.begin(), held.end(),
                     [&](uint32_t a, uint32_t b) { return At(a).bytes > At(b).bytes; });
    const Placement untouched = down ? Placement({}, {}) : placement_;
    bool refused = false;
    for (const uint32_t p : held) {
      for (size_t seat = 0; seat < At(p).seats.size(); ++seat) {
        if (concerned(At(p).seats[seat])) refused |= !Evacuate(p, seat);
      }
    }
    if (!down && refused) placement_ = untouched;
  }

  bool Evacuate(uint32_t p, size_t seat) {
    const size_t replicas = At(p).seats.size();
    if (replicas > Usable()) {
      too_few_for_drain_[replicas].push_back(At(p).topic);
      return false;
    }
    if (topology_.partitions[p].leader == kNoNode) {
      leaderless_.push_back(p);
      return true;
    }
    const auto to = FindBroker(placement_, bands_, p, seat, RacksToKeep(p, replicas), DiskUse::kAsked);
    if (!to) {
      unplaced_[MoveReason::kEmptied].push_back(p);
      return false;
    }
    placement_.Move(p, seat, *to, MoveReason::kEmptied);
    return true;
  }

  void SpreadOverRacks(uint32_t p) {
    if (topology_.partitions[p].leader == kNoNode) return;
    for (;;) {
      const Seats& seats = At(p).seats;
      const int racks = placement_.DistinctRacks(seats);
      if (racks >= WantedRacks(placement_, seats.size())) return;
      bool moved = false;
      for (size_t seat = seats.size(); seat-- > 0 && !moved;) {
        const auto same_rack = [&](BrokerIndex b) { return Broker(b).rack == Broker(seats[seat]).rack; };
        if (std::count_if(seats.begin(), seats.end(), same_rack) < 2) continue;
        const auto to = FindBroker(placement_, bands_, p, seat, racks + 1);
        if (!to) continue;
        placement_.Move(p, seat, *to, MoveReason::kRacks);
        moved = true;
      }
      if (!moved) return unplaced_[MoveReason::kRacks].push_back(p);
    }
  }

  void RelieveDisk(BrokerIndex b) {
    if (placement_.Fits(b, 0)) return;
    std::vector<uint32_t> held;
    for (uint32_t p = 0; p < placement_.partitions().size(); ++p) {
      const bool leads = topology_.partitions[p].leader != kNoNode;
      if (leads && At(p).bytes > 0 && Contains(At(p).seats, b)) held.push_back(p);
    }
    std::stable_sort(held.begin(), held.end(),
                     [&](uint32_t x, uint32_t y) { return At(x).bytes > At(y).bytes; });
    for (const uint32_t p : held) {
      if (placement_.Fits(b, 0)) return;
      const Seats& seats = At(p).seats;
      const auto seat = static_cast<size_t>(std::find(seats.begin(), seats.end(), b) - seats.begin());
      const auto to = FindBroker(placement_, bands_, p, seat, RacksToKeep(p, seats.size()));
      if (to) placement_.Move(p, seat, *to, MoveReason::kDiskSpace);
    }
    if (placement_.Fits(b, 0)) return;
    Block(MoveReason::kDiskSpace, "broker {} has more than {:.0f} % of its disk in use and no other has room",
          Broker(b).id.value(), kDiskLimit * 100);
  }

  // "topic x asks for 4 replicas"; of several topics the first is named.
  std::string Asking(std::vector<uint32_t> topics, size_t replicas) const {
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    const std::string& first = topology_.topics[topics.front()].name;
    if (topics.size() == 1) return fmt::format("topic {} asks for {} replicas", first, replicas);
    return fmt::format("topic {} and {} more ask for {} replicas", first, topics.size() - 1, replicas);
  }

  void TellTooFewBrokers() {
    for (const auto& [replicas, topics] : too_few_brokers_) {
      Block(MoveReason::kReplicationFactor, "there are {} brokers, {}", Usable(), Asking(topics, replicas));
    }
  }

  void TellUnplaced() {
    for (const auto& [replicas, topics] : too_few_for_drain_) {
      Block(MoveReason::kEmptied, "{} brokers are left, {}", Usable(), Asking(topics, replicas));
    }
    if (!leaderless_.empty()) {
      Block(MoveReason::kEmptied, "{}{} no leader that could be copied from: no replica in sync serves",
            NameOf(leaderless_.front()), More(leaderless_));
    }
    if (!unfollowable_.empty()) {
      Block(MoveReason::kReplicationFactor,
            "{}{} no leader: replicas are added and dropped when there is one", NameOf(unfollowable_.front()),
            More(unfollowable_));
    }
    for (const auto& [reason, partitions] : unplaced_) {
      Block(reason, "{}{} no place for a replica ({}): no broker that serves has room for it{}",
            NameOf(partitions.front()), More(partitions), Name(reason),
            placement_.racks() > 1 ? " in a rack that may be" : "");
    }
  }
  static std::string More(const std::vector<uint32_t>& partitions) {
    return partitions.size() == 1 ? " has" : fmt::format(" and {} more have", partitions.size() - 1);
  }

  const Topology& topology_;
  const BalanceGoals& goals_;
  Placement& placement_;
  std::vector<BalanceBlock>& blocks_;
  LoadBands bands_;
  std::map<size_t, std::vector<uint32_t>> too_few_brokers_, too_few_for_drain_;  // topics, by replicas
  std::vector<uint32_t> leaderless_, unfollowable_;
  std::map<MoveReason, std::vector<uint32_t>> unplaced_;
};

}  // namespace

void ReachHardGoals(const Topology& topology, const BalanceGoals& goals, Placement& placement,
                    std::vector<BalanceBlock>& blocks) {
  HardGoals(topology, goals, placement, blocks).Reach();
}

}  // namespace dohle::reconcile
