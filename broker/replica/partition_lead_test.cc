// Partitions with replicas: a leader, followers made by hand, a controller that says what the test says.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/replica/partition.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {
namespace {

using kafka::ErrorCode;

constexpr int64_t kLagMs = 10'000;

class FakeIsrUpdates : public IsrUpdates {
 public:
  env::Task<StatusOr<IsrVerdict>> Propose(IsrProposal proposal) override {
    proposals.push_back(std::move(proposal));
    if (error) {
      IsrVerdict verdict;
      verdict.error = *error;
      co_return verdict;
    }
    answer = std::make_shared<env::OneShot<bool>>();
    co_await answer->WaitForever();
    co_return Accept(proposals.back());
  }

  static IsrVerdict Accept(const IsrProposal& proposal) {
    IsrVerdict verdict;
    verdict.leader = NodeId(1);
    verdict.leader_epoch = proposal.leader_epoch;
    verdict.partition_epoch = PartitionEpoch(proposal.partition_epoch.value() + 1);
    for (const IsrMember& member : proposal.in_sync_replicas) verdict.in_sync_replicas.push_back(member.id);
    return verdict;
  }

  std::vector<IsrProposal> proposals;
  std::shared_ptr<env::OneShot<bool>> answer;  // Set: the last proposal is accepted
  std::optional<ErrorCode> error;              // at once, of all
};

class PartitionLeadTest : public ::testing::Test {
 protected:
  PartitionLeadTest() : world_(1), node_(world_.AddNode("node-1")) {
    context_.isr_updates = &updates_;
    context_.executor = node_.env().executors.front();
    context_.clock = &node_.env().clock;
    context_.max_lag_ms = kLagMs;
    context_.broker_state = [this](NodeId id) { return brokers_[id]; };
    for (const int32_t id : {1, 2, 3}) brokers_[NodeId(id)] = {true, false, BrokerEpoch(100 + id)};
    config_.flush_messages = INT64_MAX;
  }
  // Partitions don't outlive the chains that use them.
  ~PartitionLeadTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  std::shared_ptr<Partition> Open(int32_t node_id) {
    env::Env& env = node_.env();
    storage::LogOpenOptions options;
    options.file_system = &env.file_system;
    options.directory = "/data-" + std::to_string(node_id) + "/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<const storage::LogConfig>(config_);
    EXPECT_TRUE(env.file_system.CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.log = *storage::Log::Open(options);
    return std::make_shared<Partition>(NodeId(node_id), std::move(loaded), Offset(0), env.blocking_pool,
                                       storage::FlushTimes{}, nullptr, &context_);
  }

  template <typename T>
  using Result = std::shared_ptr<std::optional<T>>;
  template <typename T>
  static env::Task<void> Keep(env::Task<T> task, Result<T> result) {
    result->emplace(co_await std::move(task));
  }
  template <typename T>
  Result<T> Begin(env::Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    env::Spawn(*node_.env().executors.front(), Keep(std::move(task), result));
    return result;
  }
  template <typename T>
  T Run(env::Task<T> task) {
    Result<T> result = Begin(std::move(task));
    EXPECT_TRUE(world_.RunUntil([&] { return result->has_value(); }, absl::Minutes(10)));
    return std::move(**result);
  }
  void Settle() { world_.RunFor(absl::Milliseconds(50)); }

  LeadershipChange Lead(Partition& partition, std::vector<int32_t> in_sync, int32_t leader = 1,
                        int32_t leader_epoch = 0, int32_t partition_epoch = 0) {
    Leadership leadership;
    leadership.leader = NodeId(leader);
    leadership.leader_epoch = LeaderEpoch(leader_epoch);
    leadership.partition_epoch = PartitionEpoch(partition_epoch);
    leadership.replicas = {NodeId(1), NodeId(2), NodeId(3)};
    for (const int32_t id : in_sync) leadership.in_sync_replicas.push_back(NodeId(id));
    auto change = Run(partition.SetLeadership(std::move(leadership)));
    EXPECT_TRUE(change.ok()) << change.status();
    return change.ok() ? *change : LeadershipChange{};
  }

  static env::Task<StatusOr<Appended>> AppendTo(std::shared_ptr<Partition> partition, int records,
                                                bool acks_all) {
    std::string bytes = storage::testing::SimpleBatch(records, 1000);
    const std::span<char> batch(bytes.data(), bytes.size());
    AppendOptions options;
    options.acks_all = acks_all;
    co_return co_await partition->Append(batch, options);
  }
  // As Produce with acks=all.
  static env::Task<Status> Produce(std::shared_ptr<Partition> partition, int records,
                                   absl::Duration timeout = absl::Seconds(30)) {
    auto appended = co_await AppendTo(partition, records, true);
    if (!appended.ok()) co_return appended.status();
    if (appended->committed) co_return OkStatus();
    co_return co_await partition->WaitUntilCommitted(appended->last_offset + 1, appended->leader_epoch,
                                                     timeout);
  }
  // As a follower's Fetch.
  FetchedPartition Fetch(Partition& partition, int32_t follower, int64_t offset, int32_t leader_epoch = 0,
                         int32_t last_fetched_epoch = -1) {
    FetchOptions options;
    options.offset = Offset(offset);
    options.max_bytes = 1 << 20;
    options.min_one_batch = true;
    options.current_leader_epoch = LeaderEpoch(leader_epoch);
    options.last_fetched_epoch = LeaderEpoch(last_fetched_epoch);
    options.follower.emplace();
    options.follower->fetch.follower = NodeId(follower);
    options.follower->fetch.broker_epoch = BrokerEpoch(100 + follower);
    options.follower->fetch.log_start_offset = follower_log_start_;
    return Run(partition.Fetch(std::move(options), nullptr));
  }
  Offset HighWatermark(Partition& partition) { return Run(partition.Summarize()).high_watermark; }

  // One round of a follower: fetches and takes over what it is told. Whether anything was to do.
  bool Follow(Partition& leader, Partition& follower, int32_t id) {
    const FetchPosition at = Run(follower.FollowPosition());
    EXPECT_EQ(at.leader, NodeId(1));
    const FetchedPartition fetched =
        Fetch(leader, id, at.fetch_offset.value(), at.leader_epoch.value(), at.last_fetched_epoch.value());
    EXPECT_EQ(fetched.problem, FetchProblem::kNone);
    if (fetched.diverging_epoch) {
      auto cut = Run(follower.TruncateToDiverging(at.leader_epoch, *fetched.diverging_epoch));
      EXPECT_TRUE(cut.ok()) << cut.status();
      return true;
    }
    std::string bytes(fetched.records.length, '\0');
    if (!bytes.empty()) {
      EXPECT_EQ(*fetched.records.file->ReadAt(fetched.records.position, bytes.data(), bytes.size()),
                bytes.size());
    }
    const Status taken = Run(follower.AppendFetched(at.leader_epoch, bytes, fetched.high_watermark,
                                                    fetched.log_start_offset, 1000));
    EXPECT_TRUE(taken.ok()) << taken;
    return !bytes.empty();
  }

  env::SimWorld world_;
  env::SimNode& node_;
  FakeIsrUpdates updates_;
  ReplicationContext context_;
  std::map<NodeId, BrokerState> brokers_;
  storage::LogConfig config_;
  Offset follower_log_start_{0};
};

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

TEST_F(PartitionLeadTest, FollowersReadToTheEndConsumersToTheHighWatermark) {
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

TEST_F(PartitionLeadTest, RefusesFollowersAsKafkaDoes) {
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

TEST_F(PartitionLeadTest, ConsumersMayReadFromFollowers) {
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

TEST_F(PartitionLeadTest, AFollowersLongPollWakesOnAppend) {
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

TEST_F(PartitionLeadTest, ADivergingFollowerIsCutBack) {
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

TEST_F(PartitionLeadTest, WhatAFollowerDoesForAPastLeaderChangesNothing) {
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
