// What a partition's leader knows of its followers, and what follows from it: how far records are committed,
// who joins and who leaves the ISR (KIP-392, 497, 841, 903, 966; Partition, Replica and ReplicaState of
// Kafka).
//
// Pure: time, offsets and what the metadata says of brokers come in, offsets and proposals come out. Belongs
// to the partition's lane. Times are monotonic milliseconds. Every call costs O(replicas).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "broker/replica/isr_updates.h"
#include "broker/replica/leadership.h"
#include "lib/base/ids.h"

namespace dohle::replica {

// What the metadata says of a broker.
struct BrokerState {
  bool alive = false;  // registered and not fenced
  bool shutting_down = false;
  BrokerEpoch epoch{-1};
};
using BrokerStateOf = absl::FunctionRef<BrokerState(NodeId)>;

// What a follower says of itself when it fetches.
struct FollowerFetch {
  NodeId follower = kNoNode;
  BrokerEpoch broker_epoch{-1};  // -1: not told (below Fetch 15)
  Offset fetch_offset{0};        // it has everything below
  Offset log_start_offset{-1};
};

enum class FollowerVerdict : uint8_t { kNoted, kNotReplica, kStaleBrokerEpoch };

// The leader's own log, and the time.
struct LeaderView {
  Offset log_end_offset{0};
  Offset high_watermark{0};
  int32_t min_in_sync_replicas = 1;  // min.insync.replicas
  int64_t now_ms = 0;
};

// A replica that consumers may read from (KIP-392).
struct ReadReplica {
  NodeId id = kNoNode;
  Offset log_end_offset{0};
  int64_t behind_ms = 0;  // since it was last caught up
};

class Replication {
 public:
  static constexpr int64_t kNever = INT64_MIN / 2;

  // `max_lag_ms`: replica.lag.time.max.ms.
  Replication(NodeId self, int64_t max_lag_ms) : self_(self), max_lag_ms_(max_lag_ms) {}

  enum class Outcome : uint8_t {
    kExpanded,  // the ISR is what was proposed
    kShrunk,
    kNothing,  // of what was proposed
    kRetry,    // propose again after a while: Again()
  };

  // What the metadata says, newer than what is known. In a new leader epoch followers begin anew: of those in
  // the ISR it is assumed that they were caught up just now. What was proposed is over.
  Outcome Take(const Leadership& leadership, const LeaderView& view);
  // The records of this replica below `end` may be committed as far as it is concerned: they are as safe here
  // as the topic asks.
  void NoteOwnEnd(Offset end) { own_end_ = std::max(own_end_, end); }

  bool HasReplica(NodeId broker) const { return Find(broker) != nullptr; }
  // `fetch` reads from what `view` shows. A fetch that isn't noted changes nothing.
  FollowerVerdict NoteFetch(const FollowerFetch& fetch, const LeaderView& view, BrokerStateOf brokers);

  // The high watermark that there may be by now; not lower than the one in `view`. It waits for the ISR, for
  // who was proposed to join it, and for who is about to be.
  Offset Committed(const LeaderView& view, BrokerStateOf brokers) const;
  // Whether enough replicas are in sync for acks=all: before an append, and after one has been committed.
  bool EnoughInSync(const LeaderView& view) const;
  bool EnoughAfterAppend(const LeaderView& view) const;

  // A proposal to the controller (without the partition's names), of which there is one at a time; nothing if
  // there is nothing to propose. Its id is to come back with the verdict.
  struct Proposal {
    uint64_t id = 0;
    IsrProposal isr;
  };
  std::optional<Proposal> ProposeExpansion(NodeId follower, const LeaderView& view, BrokerStateOf brokers);
  std::optional<Proposal> ProposeShrinking(const LeaderView& view);

  Outcome OnVerdict(uint64_t id, const IsrVerdict& verdict);
  // Nothing if newer metadata has come meanwhile.
  std::optional<Proposal> Again(uint64_t id);

  // The least log start offset of all live replicas (DeleteRecords).
  Offset LowWatermark(Offset own_log_start, BrokerStateOf brokers) const;
  // Those in sync that have `offset`; the leader first.
  std::vector<ReadReplica> ReadReplicas(Offset offset, const LeaderView& view) const;

  const std::vector<NodeId>& in_sync_replicas() const { return in_sync_; }
  PartitionEpoch partition_epoch() const { return partition_epoch_; }

 private:
  struct Follower {
    NodeId id = kNoNode;
    bool in_sync = false;  // as far as the controller has said
    Offset end{-1};
    Offset log_start{-1};
    Offset leader_end_at_last_fetch{-1};
    int64_t last_fetch_ms = kNever;
    int64_t caught_up_ms = kNever;            // when it last had everything that there was
    std::optional<BrokerEpoch> broker_epoch;  // of the last fetch
  };
  struct Pending {
    Proposal proposal;
    NodeId joins = kNoNode;  // kNoNode: the ISR is to shrink

    bool Is(const std::vector<NodeId>& in_sync) const;
    Outcome outcome() const { return joins == kNoNode ? Outcome::kShrunk : Outcome::kExpanded; }
  };

  const Follower* Find(NodeId id) const;
  bool CaughtUp(const Follower& follower, const LeaderView& view) const;
  static bool Eligible(const Follower& follower, BrokerStateOf brokers);
  int32_t EffectiveMinimum(const LeaderView& view) const;
  std::optional<Proposal> Propose(std::vector<NodeId> in_sync, NodeId joins);
  void SetInSync(std::vector<NodeId> in_sync);

  const NodeId self_;
  const int64_t max_lag_ms_;
  LeaderEpoch leader_epoch_ = kNoLeaderEpoch;
  Offset epoch_start_{0};
  PartitionEpoch partition_epoch_{0};
  Offset own_end_{0};
  std::vector<Follower> followers_;
  std::vector<NodeId> in_sync_;
  uint64_t last_id_ = 0;
  std::optional<Pending> pending_;     // counts until the controller or the metadata has spoken
  std::optional<uint64_t> in_flight_;  // of which the verdict is awaited, even if it doesn't matter any more
};

}  // namespace dohle::replica
