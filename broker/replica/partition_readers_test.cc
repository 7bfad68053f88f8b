// What followers and consumers get of a partition, and what followers make of it.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "broker/replica/test_lead.h"

namespace dohle::replica {
namespace {

class PartitionReadersTest : public LeadTest {};

TEST_F(PartitionReadersTest, FollowersReadToTheEndConsumersToTheHighWatermark) {
  auto partition = Open(1);
  Lead(*partition, {1, 2});
  ASSERT_TRUE(Run(AppendTo(partition, 1, false)).ok());
  EXPECT_GT(Fetch(*partition, 2, 0).records.length, 0u);
  FetchOptions consumer;
  consumer.max_bytes = 1 << 20;
  EXPECT_EQ(Run(partition->Fetch(consumer, nullptr)).records.length, 0u);
  Fetch(*partition, 2, 1);
  EXPECT_GT(Run(partition->Fetch(consumer, nullptr)).records.length, 0u);
}

TEST_F(PartitionReadersTest, RefusesFollowersAsKafkaDoes) {
  auto partition = Open(1);
  Lead(*partition, {1, 2}, 1, 5);
  EXPECT_EQ(Fetch(*partition, 2, 0, 4).problem, FetchProblem::kFencedLeaderEpoch);
  EXPECT_EQ(Fetch(*partition, 2, 0, 6).problem, FetchProblem::kUnknownLeaderEpoch);
  EXPECT_EQ(Fetch(*partition, 9, 0, 5).problem, FetchProblem::kUnknownLeaderEpoch);
  EXPECT_EQ(Fetch(*partition, 9, 0, -1).problem, FetchProblem::kNotLeader);
  EXPECT_EQ(Fetch(*partition, 2, 7, 5).problem, FetchProblem::kOffsetOutOfRange);
  brokers_[NodeId(2)].epoch = BrokerEpoch(200);
  EXPECT_EQ(Fetch(*partition, 2, 0, 5).problem, FetchProblem::kNotLeader) << "from before its restart";
  Lead(*partition, {1, 2}, 2, 6, 1);
  EXPECT_EQ(Fetch(*partition, 3, 0, 5).problem, FetchProblem::kFencedLeaderEpoch);
  EXPECT_EQ(Fetch(*partition, 3, 0, 6).problem, FetchProblem::kNotLeader);
}

TEST_F(PartitionReadersTest, ConsumersMayReadFromFollowers) {
  auto leader = Open(1);
  auto follower = Open(2);
  Lead(*leader, {1, 2});
  Lead(*follower, {1, 2});
  ASSERT_TRUE(Run(AppendTo(leader, 3, false)).ok());
  Follow(*leader, *follower, 2);
  FetchOptions consumer;
  consumer.max_bytes = 1 << 20;
  EXPECT_EQ(Run(follower->Fetch(consumer, nullptr)).problem, FetchProblem::kNotLeader);
  consumer.only_from_leader = false;
  auto waiter = std::make_shared<FetchWaiter>(1);
  EXPECT_EQ(Run(follower->Fetch(consumer, waiter)).records.length, 0u) << "not committed, as far as it knows";
  Follow(*leader, *follower, 2);
  EXPECT_TRUE(waiter->woken());
  const FetchedPartition fetched = Run(follower->Fetch(consumer, nullptr));
  EXPECT_GT(fetched.records.length, 0u);
  EXPECT_EQ(fetched.high_watermark, Offset(3));
  EXPECT_TRUE(absl::IsFailedPrecondition(Run(AppendTo(follower, 1, false)).status()));
}

TEST_F(PartitionReadersTest, AFollowersLongPollWakesOnAppend) {
  auto partition = Open(1);
  Lead(*partition, {1, 2});
  FetchOptions options;
  options.max_bytes = 1 << 20;
  options.follower.emplace();
  options.follower->fetch.follower = NodeId(2);
  auto waiter = std::make_shared<FetchWaiter>(1);
  auto consumer = std::make_shared<FetchWaiter>(1);
  Run(partition->Fetch(options, waiter));
  Run(partition->Fetch(FetchOptions{}, consumer));
  ASSERT_TRUE(Run(AppendTo(partition, 1, false)).ok());
  EXPECT_TRUE(waiter->woken());
  EXPECT_FALSE(consumer->woken());
  Fetch(*partition, 2, 1);
  EXPECT_TRUE(consumer->woken());
}

TEST_F(PartitionReadersTest, ADivergingFollowerIsCutBack) {
  auto leader = Open(1);
  auto follower = Open(2);
  Lead(*leader, {1, 2});
  Lead(*follower, {1, 2});
  ASSERT_TRUE(Run(AppendTo(leader, 3, false)).ok());
  while (Follow(*leader, *follower, 2)) {
  }
  // For an epoch the follower leads and appends what nobody gets.
  Lead(*follower, {2, 1}, 2, 1, 1);
  ASSERT_TRUE(Run(AppendTo(follower, 4, false)).ok());
  Lead(*leader, {1, 2}, 1, 2, 2);
  Lead(*follower, {1, 2}, 1, 2, 2);
  ASSERT_TRUE(Run(AppendTo(leader, 1, false)).ok());
  while (Follow(*leader, *follower, 2)) {
  }
  EXPECT_EQ(Run(follower->FollowPosition()).fetch_offset, Offset(4));
  EXPECT_EQ(Run(follower->FollowPosition()).last_fetched_epoch, LeaderEpoch(2));
  EXPECT_EQ(HighWatermark(*leader), Offset(4));
}

TEST_F(PartitionReadersTest, WhatAFollowerDoesForAPastLeaderChangesNothing) {
  auto follower = Open(2);
  Lead(*follower, {1, 2}, 1, 3);
  const std::string bytes = storage::testing::SimpleBatch(1, 1000);
  const Status stale = Run(follower->AppendFetched(LeaderEpoch(2), bytes, Offset(1), Offset(0), 1000));
  EXPECT_TRUE(absl::IsFailedPrecondition(stale)) << stale;
  EXPECT_TRUE(absl::IsFailedPrecondition(Run(follower->RestartAt(LeaderEpoch(2), Offset(7))).status()));
  EXPECT_EQ(Run(follower->FollowPosition()).fetch_offset, Offset(0));
  EXPECT_TRUE(Run(follower->RestartAt(LeaderEpoch(3), Offset(7))).ok());
  EXPECT_EQ(Run(follower->FollowPosition()).fetch_offset, Offset(7));
}

}  // namespace
}  // namespace dohle::replica
