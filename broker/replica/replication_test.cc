#include "broker/replica/replication.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace dohle::replica {
namespace {

using kafka::ErrorCode;
using Outcome = Replication::Outcome;

constexpr int64_t kLagMs = 1000;

// Leader 1 with followers 2 and 3, all alive under broker epoch 100 + id.
class ReplicationTest : public ::testing::Test {
 protected:
  ReplicationTest() {
    for (const int32_t id : {1, 2, 3}) brokers_[NodeId(id)] = {true, false, BrokerEpoch(100 + id)};
    view_.log_end_offset = Offset(10);
    view_.high_watermark = Offset(5);
    view_.now_ms = 1'000'000;
  }

  void Lead(std::vector<int32_t> in_sync, int32_t leader_epoch = 1, int32_t partition_epoch = 1) {
    Leadership leadership;
    leadership.leader = NodeId(1);
    leadership.leader_epoch = LeaderEpoch(leader_epoch);
    leadership.partition_epoch = PartitionEpoch(partition_epoch);
    leadership.replicas = {NodeId(1), NodeId(2), NodeId(3)};
    for (const int32_t id : in_sync) leadership.in_sync_replicas.push_back(NodeId(id));
    last_outcome_ = machine_->Take(leadership, view_);
    machine_->NoteOwnEnd(view_.log_end_offset);
    Advance();
  }
  // What a partition does on every fetch of a follower.
  FollowerVerdict Fetch(int32_t follower, int64_t offset, int64_t broker_epoch = 0) {
    FollowerFetch fetch{NodeId(follower), BrokerEpoch(broker_epoch == 0 ? 100 + follower : broker_epoch),
                        Offset(offset), Offset(0)};
    const FollowerVerdict verdict = machine_->NoteFetch(fetch, view_, states());
    if (verdict != FollowerVerdict::kNoted) return verdict;
    if (auto proposal = machine_->ProposeExpansion(NodeId(follower), view_, states())) {
      proposal_ = std::move(proposal);
    }
    Advance();
    return verdict;
  }
  void Append(int64_t records) {
    view_.log_end_offset += records;
    machine_->NoteOwnEnd(view_.log_end_offset);
    Advance();
  }
  void Advance() { view_.high_watermark = machine_->Committed(view_, states()); }
  Outcome Answer(ErrorCode error, std::vector<int32_t> in_sync = {}, int32_t partition_epoch = 2,
                 int32_t leader_epoch = 1) {
    IsrVerdict verdict;
    verdict.error = error;
    verdict.leader = NodeId(1);
    verdict.leader_epoch = LeaderEpoch(leader_epoch);
    verdict.partition_epoch = PartitionEpoch(partition_epoch);
    for (const int32_t id : in_sync) verdict.in_sync_replicas.push_back(NodeId(id));
    const Outcome outcome = machine_->OnVerdict(proposal_->id, verdict);
    Advance();
    return outcome;
  }
  std::vector<int32_t> Proposed() const {
    std::vector<int32_t> ids;
    if (!proposal_) return ids;
    for (const IsrMember& member : proposal_->isr.in_sync_replicas) ids.push_back(member.id.value());
    std::ranges::sort(ids);
    return ids;
  }
  std::function<BrokerState(NodeId)> states() {
    return [this](NodeId id) { return brokers_[id]; };
  }
  int64_t high_watermark() const { return view_.high_watermark.value(); }

  using Ids = std::vector<int32_t>;
  std::map<NodeId, BrokerState> brokers_;
  LeaderView view_;
  std::optional<Replication> machine_{std::in_place, NodeId(1), kLagMs};
  std::optional<Replication::Proposal> proposal_;
  Outcome last_outcome_ = Outcome::kNothing;
};

TEST_F(ReplicationTest, TheHighWatermarkWaitsForTheSlowestInSync) {
  Lead({1, 2, 3});
  EXPECT_EQ(high_watermark(), 5) << "nobody has fetched yet";
  Fetch(2, 10);
  EXPECT_EQ(high_watermark(), 5);
  Fetch(3, 7);
  EXPECT_EQ(high_watermark(), 7);
  Append(5);
  EXPECT_EQ(high_watermark(), 7);
  Fetch(3, 15);
  EXPECT_EQ(high_watermark(), 10);
  Fetch(2, 15);
  EXPECT_EQ(high_watermark(), 15);
  EXPECT_FALSE(proposal_);
}

TEST_F(ReplicationTest, ItNeverGoesBack) {
  Lead({1, 2, 3});
  Fetch(2, 10);
  Fetch(3, 10);
  EXPECT_EQ(high_watermark(), 10);
  Fetch(3, 4);  // it lost its disk
  EXPECT_EQ(high_watermark(), 10);
}

TEST_F(ReplicationTest, WhatIsNotSafeHereIsNotCommitted) {
  Lead({1});
  EXPECT_EQ(high_watermark(), 10);
  view_.log_end_offset = Offset(20);  // appended, and still to be flushed
  Advance();
  EXPECT_EQ(high_watermark(), 10);
  machine_->NoteOwnEnd(Offset(15));
  Advance();
  EXPECT_EQ(high_watermark(), 15);
}

TEST_F(ReplicationTest, NotBelowTheMinimumOfReplicas) {
  view_.min_in_sync_replicas = 2;
  Lead({1});
  EXPECT_FALSE(machine_->EnoughInSync(view_));
  EXPECT_EQ(high_watermark(), 5) << "KIP-966";
  view_.min_in_sync_replicas = 1;
  Advance();
  EXPECT_EQ(high_watermark(), 10);
}

TEST_F(ReplicationTest, AMinimumBeyondAllReplicasMeansAllOfThem) {
  view_.min_in_sync_replicas = 7;
  Lead({1, 2, 3});
  EXPECT_TRUE(machine_->EnoughInSync(view_));
  Lead({1, 2}, 1, 2);
  EXPECT_FALSE(machine_->EnoughInSync(view_));
}

TEST_F(ReplicationTest, WhoHasWhatIsCommittedJoins) {
  view_.log_end_offset = Offset(5);
  Lead({1, 2});
  Append(5);
  Fetch(2, 10);
  ASSERT_EQ(high_watermark(), 10);
  Fetch(3, 9);
  EXPECT_FALSE(proposal_) << "below the high watermark";
  Fetch(3, 10);
  EXPECT_EQ(Proposed(), (Ids{1, 2, 3}));
  const auto& members = proposal_->isr.in_sync_replicas;
  EXPECT_EQ(members.back().epoch, BrokerEpoch(103));
  Append(5);
  Fetch(2, 15);
  EXPECT_EQ(high_watermark(), 10) << "it is waited for before the controller has spoken";
  EXPECT_EQ(Answer(ErrorCode::kNone, {1, 2, 3}), Outcome::kExpanded);
  Fetch(3, 15);
  EXPECT_EQ(high_watermark(), 15);
}

TEST_F(ReplicationTest, NotBeforeItHasWhatTheLeaderBeganWith) {
  Lead({1});
  view_.high_watermark = Offset(5);  // what of 5 to 10 was committed this leader can't know
  Fetch(2, 8);
  EXPECT_FALSE(proposal_);
  Fetch(2, 10);
  EXPECT_EQ(Proposed(), (Ids{1, 2}));
}

TEST_F(ReplicationTest, OneProposalAtATime) {
  Lead({1});
  Fetch(2, 10);
  EXPECT_EQ(Proposed(), (Ids{1, 2}));
  proposal_.reset();
  Fetch(3, 10);
  EXPECT_FALSE(proposal_);
  EXPECT_FALSE(machine_->ProposeShrinking(view_));
}

TEST_F(ReplicationTest, FencedAndLeavingBrokersDoNotJoin) {
  Lead({1});
  brokers_[NodeId(2)].alive = false;
  Fetch(2, 10);
  EXPECT_FALSE(proposal_);
  brokers_[NodeId(2)] = {true, true, BrokerEpoch(102)};
  Fetch(2, 10);
  EXPECT_FALSE(proposal_);
  brokers_[NodeId(2)].shutting_down = false;
  Fetch(2, 10);
  EXPECT_TRUE(proposal_);
}

TEST_F(ReplicationTest, BrokerEpochs) {
  Lead({1});
  EXPECT_EQ(Fetch(2, 10, 50), FollowerVerdict::kStaleBrokerEpoch) << "KIP-903";
  EXPECT_EQ(Fetch(4, 10), FollowerVerdict::kNotReplica);
  EXPECT_EQ(Fetch(2, 10, 500), FollowerVerdict::kNoted) << "the metadata lags";
  EXPECT_FALSE(proposal_);
  EXPECT_EQ(Fetch(2, 10, -1), FollowerVerdict::kNoted) << "an old follower doesn't say";
  EXPECT_TRUE(proposal_);
}

TEST_F(ReplicationTest, WhoLagsLeaves) {
  Lead({1, 2, 3});
  Fetch(2, 10);
  Fetch(3, 10);
  Append(10);
  view_.now_ms += kLagMs;
  EXPECT_FALSE(machine_->ProposeShrinking(view_));
  view_.now_ms += 1;
  Fetch(2, 20);
  proposal_ = machine_->ProposeShrinking(view_);
  EXPECT_EQ(Proposed(), (Ids{1, 2}));
  EXPECT_EQ(high_watermark(), 10) << "as long as the controller hasn't agreed it counts";
  EXPECT_EQ(Answer(ErrorCode::kNone, {1, 2}), Outcome::kShrunk);
  EXPECT_EQ(high_watermark(), 20);
}

TEST_F(ReplicationTest, WhoHasAllNeverLags) {
  Lead({1, 2, 3});
  Fetch(2, 10);
  Fetch(3, 10);
  view_.now_ms += 100 * kLagMs;
  EXPECT_FALSE(machine_->ProposeShrinking(view_));
}

TEST_F(ReplicationTest, UnderASteadyStreamWhoKeepsUpStays) {
  Lead({1, 2});
  for (int i = 0; i < 100; ++i) {
    const Offset seen = view_.log_end_offset;
    Append(7);  // while the answer was under way
    view_.now_ms += kLagMs / 2;
    Fetch(2, seen.value());
    EXPECT_FALSE(machine_->ProposeShrinking(view_)) << i;
  }
}

TEST_F(ReplicationTest, WhoIsAboutToJoinIsWaitedFor) {
  view_.log_end_offset = Offset(5);
  Lead({1});
  Fetch(2, 5);
  ASSERT_TRUE(proposal_);
  EXPECT_EQ(Answer(ErrorCode::kIneligibleReplica), Outcome::kNothing);
  Append(5);
  EXPECT_EQ(high_watermark(), 5) << "it was caught up a moment ago";
  view_.now_ms += kLagMs + 1;
  Advance();
  EXPECT_EQ(high_watermark(), 10);
}

TEST_F(ReplicationTest, OfANewLeaderTheInSyncHaveTheirTime) {
  Lead({1, 2, 3});
  view_.now_ms += kLagMs;
  EXPECT_FALSE(machine_->ProposeShrinking(view_));
  view_.now_ms += 1;
  proposal_ = machine_->ProposeShrinking(view_);
  EXPECT_EQ(Proposed(), (Ids{1}));
}

struct Refusal {
  ErrorCode error;
  Outcome outcome;
  bool may_propose_again;
};

TEST_F(ReplicationTest, EveryVerdict) {
  const Refusal refusals[] = {
      {ErrorCode::kOperationNotAttempted, Outcome::kNothing, true},
      {ErrorCode::kIneligibleReplica, Outcome::kNothing, true},
      {ErrorCode::kUnknownTopicOrPartition, Outcome::kNothing, false},
      {ErrorCode::kUnknownTopicId, Outcome::kNothing, false},
      {ErrorCode::kFencedLeaderEpoch, Outcome::kNothing, false},
      {ErrorCode::kInvalidUpdateVersion, Outcome::kNothing, false},
      {ErrorCode::kInvalidRequest, Outcome::kNothing, false},
      {ErrorCode::kNewLeaderElected, Outcome::kNothing, false},
      {ErrorCode::kUnknownServerError, Outcome::kRetry, false},
  };
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(kafka::Name(refusal.error));
    machine_.emplace(NodeId(1), kLagMs);
    proposal_.reset();
    Lead({1});
    Fetch(2, 10);
    ASSERT_TRUE(proposal_);
    EXPECT_EQ(Answer(refusal.error), refusal.outcome);
    EXPECT_EQ(machine_->Again(proposal_->id).has_value(), refusal.outcome == Outcome::kRetry);
    proposal_.reset();
    Fetch(2, 10);
    EXPECT_EQ(proposal_.has_value(), refusal.may_propose_again);
    // The metadata settles it.
    Lead({1}, 1, 2);
    if (refusal.outcome == Outcome::kRetry) {
      EXPECT_FALSE(machine_->Again(1));
    }
    Fetch(2, 10);
    EXPECT_TRUE(proposal_);
  }
}

TEST_F(ReplicationTest, VerdictsOfThePastAreIgnored) {
  Lead({1});
  Fetch(2, 10);
  EXPECT_EQ(Answer(ErrorCode::kNone, {1, 2}, 0), Outcome::kNothing) << "an older partition epoch";
  EXPECT_EQ(Answer(ErrorCode::kNone, {1, 2}, 5, 0), Outcome::kNothing) << "another leader epoch";
  Lead({1, 3}, 1, 4);
  EXPECT_EQ(Answer(ErrorCode::kNone, {1, 2}, 5), Outcome::kNothing) << "the metadata was faster";
  EXPECT_EQ(machine_->in_sync_replicas(), (std::vector<NodeId>{NodeId(1), NodeId(3)}));
}

TEST_F(ReplicationTest, TheMetadataMayBringWhatWasProposed) {
  Lead({1});
  Fetch(2, 10);
  Lead({1, 2}, 1, 2);
  EXPECT_EQ(last_outcome_, Outcome::kExpanded);
  EXPECT_EQ(Answer(ErrorCode::kNone, {1, 2}), Outcome::kNothing) << "it counts once";
}

TEST_F(ReplicationTest, AFencedFollowerHoldsNobodyUp) {
  Lead({1, 2, 3});
  Fetch(2, 10);
  Fetch(3, 6);
  EXPECT_EQ(high_watermark(), 6);
  brokers_[NodeId(3)].alive = false;
  Lead({1, 2}, 1, 2);
  EXPECT_EQ(high_watermark(), 10);
}

TEST_F(ReplicationTest, LowWatermarkIsThatOfTheLiving) {
  Lead({1, 2, 3});
  machine_->NoteFetch({NodeId(2), BrokerEpoch(102), Offset(10), Offset(4)}, view_, states());
  machine_->NoteFetch({NodeId(3), BrokerEpoch(103), Offset(10), Offset(2)}, view_, states());
  EXPECT_EQ(machine_->LowWatermark(Offset(5), states()), Offset(2));
  brokers_[NodeId(3)].alive = false;
  EXPECT_EQ(machine_->LowWatermark(Offset(5), states()), Offset(4));
}

TEST_F(ReplicationTest, ReadReplicasAreInSyncAndHaveTheOffset) {
  Lead({1, 2});
  Fetch(2, 8);
  Fetch(3, 10);
  const auto ids = [&](int64_t offset) {
    Ids found;
    for (const ReadReplica& one : machine_->ReadReplicas(Offset(offset), view_))
      found.push_back(one.id.value());
    return found;
  };
  EXPECT_EQ(ids(8), (Ids{1, 2}));
  EXPECT_EQ(ids(9), (Ids{1}));
}

}  // namespace
}  // namespace dohle::replica
