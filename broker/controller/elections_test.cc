#include "broker/controller/elections.h"

#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using metadata::LeaderRecoveryState;
using metadata::PartitionRegistration;
using testing::Ids;
using testing::TestCluster;

class ElectionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster.AddBrokers({1, 2, 3});
    cluster.AddTopic("demo", {Ids({1, 2, 3}), Ids({1, 2, 3}), Ids({1, 2, 3})});
  }
  void SetLeader(int index, int leader, const metadata::Replicas& isr) {
    PartitionRegistration partition = cluster.Partition("demo", index);
    partition.leader = NodeId(leader);
    partition.isr = isr;
    cluster.SetPartition("demo", index, partition);
  }
  void MakeLeaderless(int index, const metadata::Replicas& last_known) {
    PartitionRegistration partition = cluster.Partition("demo", index);
    partition.leader = kNoNode;
    partition.isr = {};
    partition.last_known_elr = last_known;
    cluster.SetPartition("demo", index, partition);
  }
  size_t Do(Elections elections) {
    EXPECT_FALSE(elections.more);
    cluster.Replay(elections.records);
    return elections.records.size();
  }
  // The code for the only partition.
  ErrorCode Elect(int8_t type, int index) {
    kafka::ElectLeadersRequest request;
    request.election_type = type;
    auto& topic = request.topic_partitions.emplace().emplace_back();
    topic.topic = "demo";
    topic.partitions = {index};
    auto decision = ElectLeaders(cluster.Context(), request);
    cluster.Replay(decision.records);
    return kafka::ErrorFromCode(
        decision.response.replica_election_results.at(0).partition_result.at(0).error_code);
  }

  TestCluster cluster;
};

TEST_F(ElectionsTest, LeadershipReturnsToThePreferredReplica) {
  EXPECT_EQ(Do(ElectPreferred(cluster.Context())), 0u);
  SetLeader(0, 2, Ids({1, 2, 3}));
  SetLeader(1, 2, Ids({2, 3}));  // not in sync yet
  EXPECT_EQ(Do(ElectPreferred(cluster.Context())), 1u);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(1));
  EXPECT_EQ(cluster.Partition("demo", 0).leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(cluster.Partition("demo", 1).leader, NodeId(2));
  SetLeader(1, 2, Ids({1, 2, 3}));
  cluster.SetFenced(1, true);
  EXPECT_EQ(Do(ElectPreferred(cluster.Context())), 0u);
  cluster.SetFenced(1, false);
  EXPECT_EQ(Do(ElectPreferred(cluster.Context())), 1u);
}

TEST_F(ElectionsTest, SoManyAtOnceAndNoMore) {
  std::vector<metadata::Replicas> partitions(kMaxElections + 10, Ids({1, 2}));
  cluster.AddTopic("many", partitions);
  for (size_t i = 0; i < partitions.size(); ++i) {
    PartitionRegistration partition = cluster.Partition("many", static_cast<int>(i));
    partition.leader = NodeId(2);
    cluster.SetPartition("many", static_cast<int>(i), partition);
  }
  const Elections first = ElectPreferred(cluster.Context());
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.records.size(), kMaxElections);
  cluster.Replay(first.records);
  EXPECT_EQ(Do(ElectPreferred(cluster.Context())), 10u);
}

TEST_F(ElectionsTest, UncleanOnlyWhereItIsAllowed) {
  MakeLeaderless(0, {});
  EXPECT_EQ(Do(ElectForLeaderless(cluster.Context())), 0u);
  cluster.SetConfig(metadata::ConfigResourceType::kTopic, "demo", "unclean.leader.election.enable", "true");
  EXPECT_EQ(Do(ElectForLeaderless(cluster.Context())), 1u);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(1));
  EXPECT_EQ(cluster.Partition("demo", 0).isr, Ids({1}));
  EXPECT_EQ(cluster.Partition("demo", 0).leader_recovery_state, LeaderRecoveryState::kRecovering);
  EXPECT_EQ(cluster.Partition("demo", 1).leader_epoch, LeaderEpoch(0));
}

TEST_F(ElectionsTest, TheSettingOfAllBrokersCountsUnlessTheTopicHasItsOwn) {
  cluster.AddTopic("careful", {Ids({2, 3})});
  PartitionRegistration partition = cluster.Partition("careful");
  partition.leader = kNoNode;
  partition.isr = {};
  cluster.SetPartition("careful", 0, partition);
  MakeLeaderless(0, {});
  cluster.SetConfig(metadata::ConfigResourceType::kBroker, "", "unclean.leader.election.enable", "true");
  cluster.SetConfig(metadata::ConfigResourceType::kTopic, "careful", "unclean.leader.election.enable",
                    "false");
  EXPECT_EQ(Do(ElectForLeaderless(cluster.Context())), 1u);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(1));
  EXPECT_EQ(cluster.Partition("careful").leader, kNoNode);
}

TEST_F(ElectionsTest, OfSeveralLastKnownNobodyIsPreferred) {
  MakeLeaderless(0, Ids({2, 3}));
  EXPECT_EQ(Do(ElectForLeaderless(cluster.Context())), 0u);
  MakeLeaderless(0, Ids({3}));
  EXPECT_EQ(Do(ElectForLeaderless(cluster.Context())), 1u);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(3));
  EXPECT_TRUE(cluster.Partition("demo", 0).last_known_elr.empty());
}

TEST_F(ElectionsTest, AnswersAsKafkaDoes) {
  constexpr int8_t kPreferred = 0;
  constexpr int8_t kUnclean = 1;
  EXPECT_EQ(Elect(kPreferred, 0), ErrorCode::kElectionNotNeeded);
  EXPECT_EQ(Elect(kUnclean, 0), ErrorCode::kElectionNotNeeded);
  EXPECT_EQ(Elect(kUnclean, 9), ErrorCode::kUnknownTopicOrPartition);
  SetLeader(0, 2, Ids({2}));
  EXPECT_EQ(Elect(kPreferred, 0), ErrorCode::kPreferredLeaderNotAvailable);
  MakeLeaderless(1, {});
  EXPECT_EQ(Elect(kUnclean, 1), ErrorCode::kNone);
  EXPECT_EQ(cluster.Partition("demo", 1).leader, NodeId(1));
  MakeLeaderless(1, {});
  for (const int broker : {1, 2, 3}) cluster.SetFenced(broker, true);
  EXPECT_EQ(Elect(kUnclean, 1), ErrorCode::kEligibleLeadersNotAvailable);
}

TEST_F(ElectionsTest, ALeaderMustHaveItsDirectory) {
  PartitionRegistration partition = cluster.Partition("demo", 0);
  partition.leader = NodeId(2);
  partition.directories[0] = kLostDirectory;
  cluster.SetPartition("demo", 0, partition);
  EXPECT_EQ(Do(ElectPreferred(cluster.Context())), 0u);
}

}  // namespace
}  // namespace dohle::controller
