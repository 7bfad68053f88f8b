// A leader, its followers and a controller at random. What must never happen: the high watermark passes a
// replica that the controller could make the leader. What must happen: once all goes well, all are in sync.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "broker/replica/replication.h"
#include "lib/env/posix/test_seed.h"

namespace dohle::replica {
namespace {

using kafka::ErrorCode;

constexpr int64_t kLagMs = 100;
constexpr int kReplicas = 4;

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    for (int id = 1; id <= kReplicas; ++id) {
      truth_.replicas.push_back(NodeId(id));
      truth_.in_sync_replicas.push_back(NodeId(id));
      brokers_[NodeId(id)] = {true, false, BrokerEpoch(id)};
    }
    truth_.leader = NodeId(1);
    truth_.leader_epoch = LeaderEpoch(0);
    seen_brokers_ = brokers_;
    machine_.Take(truth_, view_);
    machine_.NoteOwnEnd(view_.log_end_offset);
  }

  void Step() {
    view_.now_ms += Below(20);
    switch (Below(9)) {
      case 0:
      case 1:
        view_.log_end_offset += 1 + Below(5);
        machine_.NoteOwnEnd(view_.log_end_offset);
        break;
      case 2:
      case 3:
      case 4:
        Fetch(NodeId(2 + Below(kReplicas - 1)));
        break;
      case 5:
        Send(machine_.ProposeShrinking(view_));
        break;
      case 6:
        Decide();
        break;
      case 7:
        Below(2) == 0 ? DeliverVerdict() : DeliverMetadata();
        break;
      case 8:
        if (Below(4) == 0) Disturb();
        break;
    }
    Advance();
  }

  // No more trouble: everything is delivered, everybody fetches.
  void Settle() {
    for (auto& [id, state] : brokers_) state.alive = true;
    Announce();
    for (int round = 0; round < 50; ++round) {
      view_.now_ms += 10;
      while (!proposals_.empty()) Decide();
      while (!metadata_.empty()) DeliverMetadata();
      while (!verdicts_.empty()) DeliverVerdict();
      for (int id = 2; id <= kReplicas; ++id) {
        positions_[NodeId(id)] = view_.log_end_offset;
        Fetch(NodeId(id));
      }
      Advance();
    }
    EXPECT_EQ(machine_.in_sync_replicas().size(), size_t{kReplicas});
    EXPECT_EQ(view_.high_watermark, view_.log_end_offset);
  }

  int expansions() const { return expansions_; }

 private:
  struct Metadata {
    Leadership leadership;
    std::map<NodeId, BrokerState> brokers;
  };

  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  BrokerState StateOf(NodeId id) { return seen_brokers_[id]; }

  void Fetch(NodeId id) {
    const auto states = [this](NodeId broker) { return StateOf(broker); };
    // What the last answer gave, or less.
    positions_[id] += Below(static_cast<int>(view_.log_end_offset - positions_[id]) + 1);
    const FollowerFetch fetch{id, brokers_[id].epoch, positions_[id], Offset(0)};
    if (machine_.NoteFetch(fetch, view_, states) != FollowerVerdict::kNoted) return;
    Send(machine_.ProposeExpansion(id, view_, states));
  }

  void Send(std::optional<Replication::Proposal> proposal) {
    if (!proposal) return;
    EXPECT_TRUE(proposals_.empty() && verdicts_.empty()) << "one at a time";
    proposals_.push_back(*std::move(proposal));
  }

  // The controller takes up what is proposed, as AlterPartition does.
  void Decide() {
    if (proposals_.empty()) return;
    const Replication::Proposal proposal = proposals_.front();
    proposals_.pop_front();
    IsrVerdict verdict;
    verdict.error = Judge(proposal.isr);
    if (verdict.error == ErrorCode::kNone) {
      truth_.in_sync_replicas.clear();
      for (const IsrMember& member : proposal.isr.in_sync_replicas)
        truth_.in_sync_replicas.push_back(member.id);
      Announce();
      verdict.leader = truth_.leader;
      verdict.leader_epoch = truth_.leader_epoch;
      verdict.partition_epoch = truth_.partition_epoch;
      verdict.in_sync_replicas = truth_.in_sync_replicas;
    }
    verdicts_.emplace_back(proposal.id, verdict);
  }

  ErrorCode Judge(const IsrProposal& isr) {
    if (Below(10) == 0) return ErrorCode::kUnknownServerError;
    if (isr.leader_epoch < truth_.leader_epoch) return ErrorCode::kFencedLeaderEpoch;
    if (isr.partition_epoch != truth_.partition_epoch) return ErrorCode::kInvalidUpdateVersion;
    for (const IsrMember& member : isr.in_sync_replicas) {
      const BrokerState& state = brokers_[member.id];
      if (!state.alive) return ErrorCode::kIneligibleReplica;
      if (member.epoch != BrokerEpoch(-1) && member.epoch != state.epoch)
        return ErrorCode::kIneligibleReplica;
    }
    return ErrorCode::kNone;
  }

  void DeliverVerdict() {
    if (verdicts_.empty()) return;
    const auto [id, verdict] = verdicts_.front();
    verdicts_.pop_front();
    const Replication::Outcome outcome = machine_.OnVerdict(id, verdict);
    expansions_ += outcome == Replication::Outcome::kExpanded;
    if (outcome == Replication::Outcome::kRetry) {
      if (auto again = machine_.Again(id)) proposals_.push_back(*std::move(again));
    }
  }

  void Announce() {
    truth_.partition_epoch = PartitionEpoch(truth_.partition_epoch.value() + 1);
    metadata_.push_back({truth_, brokers_});
  }

  void DeliverMetadata() {
    if (metadata_.empty()) return;
    const Metadata next = metadata_.front();
    metadata_.pop_front();
    seen_brokers_ = next.brokers;
    const auto age = [](const auto& of) { return std::pair(of.leader_epoch, of.partition_epoch); };
    const std::pair known(leader_epoch_, machine_.partition_epoch());
    if (age(next.leadership) <= known) return;
    leader_epoch_ = next.leadership.leader_epoch;
    expansions_ += machine_.Take(next.leadership, view_) == Replication::Outcome::kExpanded;
  }

  // A follower is fenced, comes back, or restarts; the leader gets a new epoch.
  void Disturb() {
    const NodeId id(2 + Below(kReplicas - 1));
    BrokerState& state = brokers_[id];
    if (Below(5) == 0) {
      truth_.leader_epoch = LeaderEpoch(truth_.leader_epoch.value() + 1);
    } else if (state.alive) {
      state.alive = false;
      std::erase(truth_.in_sync_replicas, id);
    } else {
      state.alive = true;
      state.epoch = BrokerEpoch(state.epoch.value() + kReplicas);
    }
    Announce();
  }

  void Advance() {
    const auto states = [this](NodeId broker) { return StateOf(broker); };
    const Offset committed = machine_.Committed(view_, states);
    ASSERT_GE(committed, view_.high_watermark);
    ASSERT_LE(committed, view_.log_end_offset);
    view_.high_watermark = committed;
    for (const NodeId id : truth_.in_sync_replicas) {
      if (id == truth_.leader) continue;
      ASSERT_GE(positions_[id], committed) << "replica " << id.value() << " may become the leader";
    }
  }

  std::mt19937_64 random_;
  LeaderView view_{.log_end_offset = Offset(0), .high_watermark = Offset(0), .now_ms = 1000};
  Replication machine_{NodeId(1), kLagMs};
  LeaderEpoch leader_epoch_{0};            // that the leader knows
  Leadership truth_;                       // the controller's
  std::map<NodeId, BrokerState> brokers_;  // the controller's
  std::map<NodeId, BrokerState> seen_brokers_;
  std::map<NodeId, Offset> positions_;
  std::deque<Replication::Proposal> proposals_;
  std::deque<std::pair<uint64_t, IsrVerdict>> verdicts_;
  std::deque<Metadata> metadata_;
  int expansions_ = 0;
};

TEST(ReplicationPropertyTest, WhatIsCommittedIsOnEveryPossibleLeader) {
  const uint64_t seed = env::TestSeed();
  SCOPED_TRACE(::testing::Message() << "DOHLE_SEED=" << seed);
  int expansions = 0;
  for (uint64_t run = 0; run < 300 && !::testing::Test::HasFailure(); ++run) {
    World world(seed + run);
    for (int i = 0; i < 1000 && !::testing::Test::HasFailure(); ++i) world.Step();
    world.Settle();
    expansions += world.expansions();
  }
  EXPECT_GT(expansions, 300) << "or too little happens here";
}

}  // namespace
}  // namespace dohle::replica
