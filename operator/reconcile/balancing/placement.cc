#include "operator/reconcile/balancing/placement.h"

#include <algorithm>
#include <limits>

#include "lib/base/check.h"
#include "operator/reconcile/balancing/disks.h"

namespace dohle::reconcile {
namespace {

constexpr size_t Of(Load load) { return static_cast<size_t>(load); }

bool HasNode(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

PlacedPartition::Freedom FreedomOf(const PartitionPlace& p, bool excluded) {
  if (p.reassigned()) return PlacedPartition::Freedom::kReturns;
  // A partition that is in need of its brokers' bandwidth isn't moved for the sake of theirs.
  const bool well = p.leader != kNoNode && p.in_sync.size() == p.replicas.size();
  return excluded || !well ? PlacedPartition::Freedom::kStays : PlacedPartition::Freedom::kMoves;
}

}  // namespace

Placement::Placement(const Topology& topology, const BalanceGoals& goals) {
  AddBrokers(topology, goals);
  AddPartitions(topology, goals);
  MeasureDisks(topology, goals);
}

BrokerIndex Placement::AddBroker(NodeId id) {
  const auto [it, added] = index_.try_emplace(id, static_cast<BrokerIndex>(brokers_.size()));
  if (added) {
    DOHLE_CHECK(brokers_.size() < std::numeric_limits<BrokerIndex>::max());
    brokers_.emplace_back();
    brokers_.back().id = id;
  }
  return it->second;
}

void Placement::AddBrokers(const Topology& topology, const BalanceGoals& goals) {
  absl::flat_hash_map<std::string, uint16_t> rack_of;
  std::vector<bool> usable_racks;
  for (const BrokerPlace& place : topology.brokers) {
    const BrokerIndex index = AddBroker(place.id);
    PlacedBroker& broker = brokers_[index];
    broker.down = place.fenced;
    broker.cordoned = place.cordoned;
    broker.drained = std::find(goals.drained.begin(), goals.drained.end(), place.id) != goals.drained.end();
    const bool wanted = goals.brokers.empty() || std::find(goals.brokers.begin(), goals.brokers.end(),
                                                           place.id) != goals.brokers.end();
    broker.usable = wanted && !broker.drained;
    broker.rack = rack_of.try_emplace(place.rack, static_cast<uint16_t>(rack_of.size())).first->second;
    usable_racks.resize(rack_of.size());
    if (!broker.usable) continue;
    usable_.push_back(index);
    usable_racks[broker.rack] = true;
  }
  racks_ = static_cast<int>(std::count(usable_racks.begin(), usable_racks.end(), true));
  // Those that are gone stand in no rack that anybody else stands in.
  auto next_rack = static_cast<uint16_t>(rack_of.size());
  const auto lost = [&](NodeId id) {
    if (index_.contains(id)) return;
    PlacedBroker& broker = brokers_[AddBroker(id)];
    broker.rack = next_rack++;
    broker.drained = std::find(goals.drained.begin(), goals.drained.end(), id) != goals.drained.end();
  };
  for (const PartitionPlace& place : topology.partitions) {
    for (const NodeId id : place.replicas) lost(id);
  }
}

void Placement::AddPartitions(const Topology& topology, const BalanceGoals& goals) {
  topics_.resize(topology.topics.size());
  for (uint32_t p = 0; p < topology.partitions.size(); ++p) {
    TopicTotal& total = topics_[topology.partitions[p].topic];
    if (total.partitions++ == 0) total.first = p;
  }
  row_of_topic_.assign(topics_.size(), kNoRow);
  uint32_t rows = 0;
  std::vector<bool> excluded(topics_.size());
  for (size_t t = 0; t < topics_.size(); ++t) {
    if (topics_[t].partitions > 1) row_of_topic_[t] = rows++;
    excluded[t] = goals.excluded_topics.contains(topology.topics[t].name);
  }
  counts_.resize(size_t{rows} * brokers_.size());
  partitions_.resize(topology.partitions.size());
  held_.resize(topology.partitions.size());
  for (uint32_t p = 0; p < topology.partitions.size(); ++p) {
    const PartitionPlace& place = topology.partitions[p];
    const TopicPlace& topic = topology.topics[place.topic];
    PlacedPartition& partition = partitions_[p];
    for (const NodeId id : place.replicas) {
      held_[p].push_back(index_.at(id));
      if (!HasNode(place.removing, id)) partition.seats.push_back(index_.at(id));
    }
    partition.topic = place.topic;
    partition.freedom = FreedomOf(place, excluded[place.topic]);
    partition.bytes = static_cast<double>(std::max<int64_t>(place.bytes, 0));
    partition.bytes_in = topic.bytes_in_per_second / topics_[place.topic].partitions;
    partition.bytes_out = topic.bytes_out_per_second / topics_[place.topic].partitions;
    Count(p, 1);
  }
}

void Placement::MeasureDisks(const Topology& topology, const BalanceGoals& goals) {
  std::vector<double> held_bytes(brokers_.size());
  for (uint32_t p = 0; p < partitions_.size(); ++p) {
    for (const BrokerIndex b : held_[p]) held_bytes[b] += partitions_[p].bytes;
  }
  for (PlacedBroker& broker : brokers_) broker.disk_bytes = std::numeric_limits<double>::infinity();
  if (ShareDisk(topology)) return;
  for (const BrokerPlace& place : topology.brokers) {
    const BrokerIndex b = index_.at(place.id);
    const int64_t capacity = place.disk_bytes >= 0 ? place.disk_bytes : goals.disk_bytes;
    if (capacity <= 0) continue;
    brokers_[b].disk_bytes = static_cast<double>(capacity);
    if (place.disk_bytes < 0 || place.disk_free_bytes < 0) continue;
    const auto used = static_cast<double>(place.disk_bytes - place.disk_free_bytes);
    brokers_[b].other_bytes = std::max(0.0, used - held_bytes[b]);
  }
}

Loads Placement::LoadOf(uint32_t p, size_t seat) const {
  const PlacedPartition& partition = partitions_[p];
  Loads loads = {1, partition.bytes, partition.bytes_in, 0, 0};
  if (seat == 0) {
    const auto followers = static_cast<double>(partition.seats.size() - 1);
    loads[Of(Load::kBytesOut)] = partition.bytes_out + followers * partition.bytes_in;
    loads[Of(Load::kLeaders)] = 1;
  }
  return loads;
}

void Placement::Count(uint32_t p, int sign) {
  const PlacedPartition& partition = partitions_[p];
  const uint32_t row = row_of_topic_[partition.topic];
  topics_[partition.topic].replicas += sign * static_cast<int32_t>(partition.seats.size());
  for (size_t seat = 0; seat < partition.seats.size(); ++seat) {
    const BrokerIndex b = partition.seats[seat];
    const Loads loads = LoadOf(p, seat);
    for (size_t i = 0; i < kLoadKinds; ++i) brokers_[b].load[i] += sign * loads[i];
    if (row == kNoRow) continue;
    TopicCount& count = counts_[size_t{row} * brokers_.size() + b];
    count.replicas += sign;
    if (seat == 0) count.leaders += sign;
  }
}

void Placement::Explain(uint32_t p, MoveReason reason) {
  if (partitions_[p].reason == MoveReason::kNone) partitions_[p].reason = reason;
}

void Placement::SetSeats(uint32_t p, const Seats& seats, MoveReason reason) {
  Count(p, -1);
  partitions_[p].seats = seats;
  Count(p, 1);
  ++changes_;
  Explain(p, reason);
}

void Placement::Move(uint32_t p, size_t seat, BrokerIndex to, MoveReason reason) {
  Seats seats = partitions_[p].seats;
  seats[seat] = to;
  SetSeats(p, seats, reason);
}

void Placement::Prefer(uint32_t p, size_t seat, MoveReason reason) {
  Seats seats = partitions_[p].seats;
  std::swap(seats[0], seats[seat]);
  SetSeats(p, seats, reason);
}

void Placement::Settle() {
  for (PlacedBroker& broker : brokers_) broker.load = {};
  for (uint32_t p = 0; p < partitions_.size(); ++p) {
    held_[p] = partitions_[p].seats;
    for (size_t seat = 0; seat < held_[p].size(); ++seat) {
      const Loads loads = LoadOf(p, seat);
      for (size_t i = 0; i < kLoadKinds; ++i) brokers_[held_[p][seat]].load[i] += loads[i];
    }
  }
}

int Placement::DistinctRacks(const Seats& seats) const {
  int distinct = 0;
  for (size_t i = 0; i < seats.size(); ++i) {
    bool first = true;
    for (size_t j = 0; j < i && first; ++j) first = brokers_[seats[j]].rack != brokers_[seats[i]].rack;
    distinct += first ? 1 : 0;
  }
  return distinct;
}

LoadSpreads Placement::Spreads() const {
  LoadSpreads spreads;
  for (size_t i = 0; i < kLoadKinds && !usable_.empty(); ++i) {
    LoadSpread& spread = spreads[i];
    spread.least = std::numeric_limits<double>::infinity();
    for (const BrokerIndex b : usable_) {
      const double load = brokers_[b].load[i];
      spread.least = std::min(spread.least, load);
      spread.most = std::max(spread.most, load);
      spread.mean += load / static_cast<double>(usable_.size());
    }
  }
  return spreads;
}

}  // namespace dohle::reconcile
