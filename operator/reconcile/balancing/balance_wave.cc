#include "operator/reconcile/balancing/balance_wave.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "operator/reconcile/balancing/disks.h"

namespace dohle::reconcile {
namespace {

bool Has(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

Replicas NewOf(const PartitionPlace& place, const Replicas& to) {
  Replicas added;
  for (const NodeId id : to) {
    if (!Has(place.replicas, id)) added.push_back(id);
  }
  return added;
}

class Wave {
 public:
  Wave(const Topology& topology, const MoveLimits& limits) : topology_(topology), limits_(limits) {
    const bool shared = ShareDisk(topology);
    for (const BrokerPlace& broker : topology.brokers) {
      if (broker.disk_bytes < 0 || broker.disk_free_bytes < 0) continue;
      const auto disk = static_cast<double>(broker.disk_bytes);
      const auto free = static_cast<double>(broker.disk_free_bytes);
      if (!shared || rooms_.empty())
        rooms_.push_back({free - LeastFree(disk), free - (1 - kDiskLimitMoving) * disk});
      room_of_[broker.id] = rooms_.size() - 1;
    }
    for (const PartitionPlace& place : topology.partitions) {
      if (place.adding.empty()) continue;
      Occupy(place, place.adding);
      ++wave_.under_way;
      wave_.bytes_under_way += BytesOf(place, place.adding);
    }
  }

  BalanceWave Take(const BalancePlan& plan) {
    // First what gives room back.
    for (const BalanceMove& move : plan.moves) {
      const PartitionPlace& place = At(move);
      if (!place.reassigned()) continue;
      if (!place.adding.empty()) Release(place);
      Occupy(place, NewOf(place, move.to));
      ++wave_.cancelled;
      Begin(plan, move);
    }
    int32_t reordered = 0;
    for (const BalanceMove& move : plan.moves) {
      const PartitionPlace& place = At(move);
      if (place.reassigned()) continue;
      const Replicas added = NewOf(place, move.to);
      if (added.empty() ? reordered++ >= limits_.reordered : !MayCopy(place, added, move.reason)) {
        ++wave_.waiting;
        continue;
      }
      Begin(plan, move);
      if (added.empty()) continue;
      Occupy(place, added);
      ++wave_.copied;
      wave_.bytes += BytesOf(place, added);
    }
    for (const uint32_t p : plan.elect) {
      const PartitionPlace& place = topology_.partitions[p];
      wave_.elect.partitions.emplace_back(topology_.topics[place.topic].name, place.index);
    }
    if (wave_.waiting > 0 && wave_.waits_for.empty()) {
      wave_.waits_for = fmt::format("{} partitions are being copied, {} wait", copied_, wave_.waiting);
    }
    return std::move(wave_);
  }

 private:
  const PartitionPlace& At(const BalanceMove& move) const { return topology_.partitions[move.partition]; }
  static int64_t BytesOf(const PartitionPlace& place, const Replicas& added) {
    return std::max<int64_t>(place.bytes, 0) * static_cast<int64_t>(added.size());
  }

  void Begin(const BalancePlan& plan, const BalanceMove& move) {
    const PartitionPlace& place = At(move);
    wave_.begun.push_back(static_cast<size_t>(&move - plan.moves.data()));
    ReassignPartitions::Move begun{topology_.topics[place.topic].name, place.index, {}};
    if (!move.cancels) begun.replicas = move.to;
    wave_.reassign.moves.push_back(std::move(begun));
  }

  void Occupy(const PartitionPlace& place, const Replicas& added) {
    if (added.empty()) return;
    ++copied_;
    bytes_ += BytesOf(place, added);
    const int32_t counts = place.bytes > limits_.small_bytes ? 1 : 0;
    sending_[place.leader] += counts;
    for (const NodeId id : added) {
      getting_[id] += counts;
      // What has arrived of it is used on the disk already; how much that is isn't known.
      UseDisk(id, static_cast<double>(place.bytes));
    }
  }
  void Release(const PartitionPlace& place) {
    --copied_;
    bytes_ -= BytesOf(place, place.adding);
    const int32_t counts = place.bytes > limits_.small_bytes ? 1 : 0;
    sending_[place.leader] -= counts;
    for (const NodeId id : place.adding) {
      getting_[id] -= counts;
      UseDisk(id, -static_cast<double>(place.bytes));
    }
  }

  void UseDisk(NodeId id, double bytes) {
    const auto room = room_of_.find(id);
    if (room == room_of_.end()) return;
    rooms_[room->second].at_all -= bytes;
    rooms_[room->second].to_spare -= bytes;
  }
  bool HasRoom(NodeId id, int64_t bytes, MoveReason reason) const {
    const auto room = room_of_.find(id);
    if (room == room_of_.end() || bytes <= 0) return true;
    const Room& there = rooms_[room->second];
    const bool asked = reason == MoveReason::kEmptied || reason == MoveReason::kReplicationFactor;
    return static_cast<double>(bytes) <= (asked ? there.at_all : there.to_spare);
  }

  bool MayCopy(const PartitionPlace& place, const Replicas& added, MoveReason reason) {
    if (place.leader == kNoNode || copied_ >= limits_.partitions) return false;
    if (copied_ > 0 && bytes_ + BytesOf(place, added) > limits_.bytes) return false;
    const bool small = place.bytes <= limits_.small_bytes;
    if (!small && sending_[place.leader] >= limits_.partitions_per_broker) return false;
    return std::all_of(added.begin(), added.end(), [&](NodeId id) {
      if (!HasRoom(id, place.bytes, reason)) {
        wave_.waits_for = fmt::format("the disk of broker {} has no room for {}-{} ({:.1f} GiB) yet",
                                      id.value(), topology_.topics[place.topic].name, place.index,
                                      static_cast<double>(place.bytes) / (1 << 30));
        return false;
      }
      return small || getting_[id] < limits_.partitions_per_broker;
    });
  }

  const Topology& topology_;
  const MoveLimits limits_;
  int32_t copied_ = 0;
  int64_t bytes_ = 0;
  absl::flat_hash_map<NodeId, int32_t> sending_, getting_;
  struct Room {
    double at_all = 0, to_spare = 0;  // bytes that may still come: LeastFree, kDiskLimitMoving
  };
  std::vector<Room> rooms_;
  absl::flat_hash_map<NodeId, size_t> room_of_;  // none: unknown
  BalanceWave wave_;
};

}  // namespace

Topology Begun(Topology topology, const BalancePlan& plan, const BalanceWave& wave) {
  for (const size_t i : wave.begun) {
    const BalanceMove& move = plan.moves[i];
    PartitionPlace& place = topology.partitions[move.partition];
    // What was being added and isn't wanted any more goes at once; the rest of what there was goes at the
    // end.
    Replicas had, adding;
    for (const NodeId id : place.replicas) {
      if (!Has(place.adding, id)) had.push_back(id);
    }
    for (const NodeId id : move.to) {
      if (!Has(had, id)) adding.push_back(id);
    }
    place.replicas = move.to;
    place.adding = adding;
    place.removing = {};
    const bool copies = !adding.empty();
    for (const NodeId id : had) {
      if (Has(move.to, id) || !copies) continue;
      place.removing.push_back(id);
      place.replicas.push_back(id);
    }
    Replicas in_sync;
    for (const NodeId id : place.in_sync) {
      if (Has(place.replicas, id)) in_sync.push_back(id);
    }
    place.in_sync = in_sync;
  }
  return topology;
}

BalanceWave NextWave(const Topology& topology, const BalancePlan& plan, const MoveLimits& limits) {
  return Wave(topology, limits).Take(plan);
}

}  // namespace dohle::reconcile
