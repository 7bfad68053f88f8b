// Where replicas shall be and who shall lead: a plan of movements over a Kafka cluster, by goals. Pure and
// deterministic: the same topology gives the same plan; the topology that a plan leads to gives an empty one.
//
// Hard goals come first, in this order: as many replicas as wanted, each on another broker; as many racks as
// that allows; emptied brokers hold nothing; no disk above kDiskLimit, or fuller than the one that is
// relieved was; what emptied brokers and replication factors need may fill disks (LeastFree). Disks aren't
// judged where all brokers share one (disks.h). Then the load: replicas, bytes, and
// bytes in and out of each broker within the tolerance around the mean, replicas of a topic spread; leaders
// likewise, by the order of the replicas where that is enough. A replica moves at most once in a plan, and
// nothing moves for a gain that isn't worth its bytes. What can't be had is told in `blocks`, and what
// depends on it isn't begun: brokers are emptied all the way or not at all.
//
// What is being moved already counts as there: a plan says only what differs from that, and goes back to a
// broker that still holds the replica for nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "operator/reconcile/balancing/balance_goals.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// Why a partition is moved: the first goal that asked it.
enum class MoveReason : uint8_t { kNone, kReplicationFactor, kRacks, kEmptied, kDiskSpace, kLoad, kLeaders };
std::string_view Name(MoveReason reason);  // "replication factor"

struct BalanceMove {
  uint32_t partition = 0;  // its place in Topology::partitions
  Replicas from;           // what it has, or is getting
  Replicas to;             // what it shall have, the preferred leader first
  int64_t bytes = 0;     // to be copied; 0: another order, fewer replicas, or what is under way is taken back
  bool cancels = false;  // `to` is what it had before what is under way
  MoveReason reason = MoveReason::kNone;

  bool operator==(const BalanceMove&) const = default;
};

enum class Load : uint8_t { kReplicas, kBytes, kBytesIn, kBytesOut, kLeaders };
inline constexpr size_t kLoadKinds = 5;
std::string_view Name(Load load);  // "bytes in/s"

// Of the brokers that may hold replicas.
struct LoadSpread {
  double least = 0, mean = 0, most = 0;
};
using LoadSpreads = std::array<LoadSpread, kLoadKinds>;  // by Load

// What is asked for and can't be had, a sentence, and the goal that asks it.
struct BalanceBlock {
  MoveReason reason = MoveReason::kNone;
  std::string why;

  bool operator==(const BalanceBlock&) const = default;
};

struct BalancePlan {
  // Data first, in order of reason and then of bytes; then what only changes its order.
  std::vector<BalanceMove> moves;
  std::vector<uint32_t> elect;  // partitions that another than their preferred leader leads, which could
  int64_t bytes = 0;            // that the moves copy
  LoadSpreads before, after;
  std::vector<BalanceBlock> blocks;

  std::string load_waits;  // why loads aren't looked at for now, a sentence; or ""

  bool empty() const { return moves.empty() && elect.empty() && blocks.empty(); }
};

BalancePlan MakeBalancePlan(const Topology& topology, const BalanceGoals& goals);

}  // namespace dohle::reconcile
