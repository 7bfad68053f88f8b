// What a leader takes for committed, whom it counts as in sync, and what it deletes.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "broker/replica/test_lead.h"

namespace dohle::replica {
namespace {

using kafka::ErrorCode;

class PartitionLeadTest : public LeadTest {};

TEST_F(PartitionLeadTest, AcksAllWaitsForEveryReplicaInSync) {
  auto partition = Open(1);
  Lead(*partition, {1, 2, 3});
  auto first = Begin(Produce(partition, 2));
  auto second = Begin(Produce(partition, 3));
  Settle();
  Fetch(*partition, 2, 5);
  Settle();
  EXPECT_FALSE(*first);
  Fetch(*partition, 3, 2);
  Settle();
  ASSERT_TRUE(*first);
  EXPECT_TRUE((*first)->ok()) << **first;
  EXPECT_FALSE(*second);
  const FetchedPartition last = Fetch(*partition, 3, 5);
  EXPECT_EQ(last.high_watermark, Offset(5));
  Settle();
  ASSERT_TRUE(*second);
  EXPECT_TRUE((*second)->ok());
}

TEST_F(PartitionLeadTest, WithoutFollowersNothingIsWaitedFor) {
  auto partition = Open(1);
  Leadership alone;
  alone.leader = NodeId(1);
  alone.leader_epoch = LeaderEpoch(0);
  alone.replicas = alone.in_sync_replicas = {NodeId(1)};
  ASSERT_TRUE(Run(partition->SetLeadership(alone)).ok());
  auto appended = Run(AppendTo(partition, 1, true));
  ASSERT_TRUE(appended.ok());
  EXPECT_TRUE(appended->committed);
}

TEST_F(PartitionLeadTest, WhatIsNotCommittedInTimeIsSaidToBeSo) {
  auto partition = Open(1);
  Lead(*partition, {1, 2});
  const Status late = Run(Produce(partition, 1, absl::Seconds(5)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_EQ(Run(partition->Summarize()).log_end_offset, Offset(1));
  // Nobody is left waiting: what comes later finds its own.
  auto next = Begin(Produce(partition, 1));
  Settle();
  Fetch(*partition, 2, 2);
  Settle();
  ASSERT_TRUE(*next);
  EXPECT_TRUE((*next)->ok());
}

TEST_F(PartitionLeadTest, WhoLosesTheLeadTellsWhoWaits) {
  auto partition = Open(1);
  Lead(*partition, {1, 2});
  auto waiting = Begin(Produce(partition, 1));
  Settle();
  const LeadershipChange change = Lead(*partition, {1, 2}, 2, 1, 1);
  EXPECT_EQ(change.kind, LeadershipChange::Kind::kFollower);
  EXPECT_EQ(change.leader, NodeId(2));
  Settle();
  ASSERT_TRUE(*waiting);
  EXPECT_TRUE(absl::IsFailedPrecondition(**waiting)) << **waiting;
}

TEST_F(PartitionLeadTest, WhatWasAppendedUnderALostLeadIsNotTakenForCommitted) {
  auto partition = Open(1);
  Lead(*partition, {1, 2});
  auto appended = Run(AppendTo(partition, 1, true));
  ASSERT_TRUE(appended.ok());
  Lead(*partition, {1, 2}, 2, 1, 1);
  Lead(*partition, {1, 2}, 1, 2, 2);
  const Status committed =
      Run(partition->WaitUntilCommitted(Offset(1), appended->leader_epoch, absl::Seconds(1)));
  EXPECT_TRUE(absl::IsFailedPrecondition(committed)) << committed;
}

TEST_F(PartitionLeadTest, DeletionAndDiskFailuresTellWhoWaits) {
  for (const bool deleted : {true, false}) {
    auto partition = Open(deleted ? 1 : 11);
    Leadership leadership;
    leadership.leader = NodeId(deleted ? 1 : 11);
    leadership.leader_epoch = LeaderEpoch(0);
    leadership.replicas = leadership.in_sync_replicas = {leadership.leader, NodeId(2)};
    ASSERT_TRUE(Run(partition->SetLeadership(leadership)).ok());
    auto waiting = Begin(Produce(partition, 1));
    Settle();
    const Status broken = MakeStatus(StatusCode::kDataLoss, "broken");
    auto log = deleted ? Run(partition->Release()) : Run(partition->GoOffline(broken));
    Settle();
    ASSERT_TRUE(*waiting);
    EXPECT_EQ((*waiting)->code(), deleted ? StatusCode::kFailedPrecondition : StatusCode::kDataLoss);
  }
}

TEST_F(PartitionLeadTest, TooFewReplicasInSyncRefuseAcksAll) {
  config_.min_in_sync_replicas = 2;
  auto partition = Open(1);
  Lead(*partition, {1});
  EXPECT_TRUE(absl::IsUnavailable(Run(Produce(partition, 1))));
  EXPECT_EQ(Run(partition->Summarize()).log_end_offset, Offset(0)) << "nothing is appended";
  EXPECT_TRUE(Run(AppendTo(partition, 1, false)).ok());
  EXPECT_EQ(HighWatermark(*partition), Offset(0)) << "KIP-966";
  auto fewer = std::make_shared<storage::LogConfig>(config_);
  fewer->min_in_sync_replicas = 1;
  Result<bool> done =
      Begin([](std::shared_ptr<Partition> p, std::shared_ptr<const storage::LogConfig> c) -> env::Task<bool> {
        co_await p->SetConfig(std::move(c));
        co_return true;
      }(partition, fewer));
  Settle();
  EXPECT_TRUE(*done);
  EXPECT_EQ(HighWatermark(*partition), Offset(1));
}

TEST_F(PartitionLeadTest, CommittedByTooFewIsSaidToBeSo) {
  config_.min_in_sync_replicas = 2;
  auto partition = Open(1);
  Lead(*partition, {1, 2});
  auto appended = Run(AppendTo(partition, 1, true));
  ASSERT_TRUE(appended.ok());
  Fetch(*partition, 2, 1);
  Lead(*partition, {1}, 1, 0, 1);
  const Status committed =
      Run(partition->WaitUntilCommitted(Offset(1), appended->leader_epoch, absl::Seconds(1)));
  EXPECT_TRUE(absl::IsAborted(committed)) << committed;
}

TEST_F(PartitionLeadTest, AFollowerThatCatchesUpJoins) {
  auto partition = Open(1);
  Lead(*partition, {1});
  ASSERT_TRUE(Run(AppendTo(partition, 4, false)).ok());
  Fetch(*partition, 2, 4);
  Settle();
  ASSERT_EQ(updates_.proposals.size(), 1u);
  const IsrProposal& proposal = updates_.proposals.front();
  EXPECT_EQ(proposal.partition, partition->name());
  EXPECT_EQ(proposal.in_sync_replicas.size(), 2u);
  // It counts from here on, whatever the controller takes to answer.
  ASSERT_TRUE(Run(AppendTo(partition, 1, false)).ok());
  EXPECT_EQ(HighWatermark(*partition), Offset(4));
  updates_.answer->Set(true);
  Settle();
  Fetch(*partition, 3, 5);
  Settle();
  ASSERT_EQ(updates_.proposals.size(), 2u);
  EXPECT_EQ(updates_.proposals.back().partition_epoch, PartitionEpoch(1));
  EXPECT_EQ(updates_.proposals.back().in_sync_replicas.size(), 3u);
}

TEST_F(PartitionLeadTest, WhoLagsIsProposedToLeave) {
  auto partition = Open(1);
  Lead(*partition, {1, 2, 3});
  auto waiting = Begin(Produce(partition, 1));
  Settle();
  Fetch(*partition, 2, 1);
  world_.RunFor(absl::Milliseconds(kLagMs + 1000));
  Fetch(*partition, 2, 1);
  Result<bool> checked = Begin([](std::shared_ptr<Partition> p) -> env::Task<bool> {
    co_await p->CheckFollowers();
    co_return true;
  }(partition));
  Settle();
  ASSERT_TRUE(*checked);
  ASSERT_EQ(updates_.proposals.size(), 1u);
  EXPECT_EQ(updates_.proposals.front().in_sync_replicas.size(), 2u);
  EXPECT_FALSE(*waiting);
  updates_.answer->Set(true);
  Settle();
  ASSERT_TRUE(*waiting) << "the high watermark follows at once";
  EXPECT_TRUE((*waiting)->ok());
}

TEST_F(PartitionLeadTest, AShrunkIsrOfTheMetadataCommitsAtOnce) {
  auto partition = Open(1);
  Lead(*partition, {1, 2});
  auto waiting = Begin(Produce(partition, 1));
  Settle();
  brokers_[NodeId(2)].alive = false;
  Lead(*partition, {1}, 1, 0, 1);
  Settle();
  ASSERT_TRUE(*waiting);
  EXPECT_TRUE((*waiting)->ok());
}

TEST_F(PartitionLeadTest, SenselessVerdictsAreAskedAgain) {
  auto partition = Open(1);
  Lead(*partition, {1});
  updates_.error = ErrorCode::kUnknownServerError;
  Fetch(*partition, 2, 0);
  world_.RunFor(absl::Seconds(10));
  EXPECT_GT(updates_.proposals.size(), 5u);
  EXPECT_LT(updates_.proposals.size(), 15u);
  updates_.error.reset();
  world_.RunFor(absl::Seconds(2));
  updates_.answer->Set(true);
  Settle();
  ASSERT_TRUE(Run(AppendTo(partition, 1, false)).ok());
  EXPECT_EQ(HighWatermark(*partition), Offset(0)) << "2 is in sync";
}

TEST_F(PartitionLeadTest, RecordsAreDeletedOnceAllLiveReplicasHaveDoneSo) {
  auto partition = Open(1);
  Lead(*partition, {1, 2, 3});
  brokers_[NodeId(3)].alive = false;
  ASSERT_TRUE(Run(AppendTo(partition, 5, false)).ok());
  Fetch(*partition, 2, 5);
  Lead(*partition, {1, 2}, 1, 0, 1);
  ASSERT_EQ(HighWatermark(*partition), Offset(5));
  const auto late = Run(partition->DeleteRecordsBefore(Offset(3), absl::Seconds(1)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  auto waiting = Begin(partition->DeleteRecordsBefore(Offset(4), absl::Seconds(30)));
  Settle();
  EXPECT_FALSE(*waiting);
  follower_log_start_ = Offset(4);
  Fetch(*partition, 2, 5);
  Settle();
  ASSERT_TRUE(*waiting);
  ASSERT_TRUE((*waiting)->ok()) << (*waiting)->status();
  EXPECT_EQ(***waiting, Offset(4));
}

TEST_F(PartitionLeadTest, OlderMetadataChangesNothing) {
  auto partition = Open(1);
  Lead(*partition, {1, 2}, 1, 5, 7);
  EXPECT_EQ(Lead(*partition, {1, 2}, 2, 4, 6).kind, LeadershipChange::Kind::kNothing);
  EXPECT_TRUE(Run(AppendTo(partition, 1, false)).ok());
}

}  // namespace
}  // namespace dohle::replica
