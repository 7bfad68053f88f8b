#include "broker/controller/reassignments.h"

#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using kafka::AlterPartitionReassignmentsRequest;
using metadata::PartitionRegistration;
using testing::Ids;
using testing::TestCluster;

class ReassignmentsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster.AddBrokers({1, 2, 3, 4, 5});
    cluster.AddTopic("demo", {Ids({1, 2, 3}), Ids({2, 3, 4})});
  }

  static AlterPartitionReassignmentsRequest Request(std::optional<std::vector<int32_t>> replicas,
                                                    int index = 0, const std::string& name = "demo") {
    AlterPartitionReassignmentsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = std::string(name);
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = index;
    partition.replicas = std::move(replicas);
    return request;
  }
  // Code and message of the only partition.
  std::pair<ErrorCode, std::string> Alter(const AlterPartitionReassignmentsRequest& request) {
    auto decision = AlterPartitionReassignments(cluster.Context(), request);
    EXPECT_EQ(decision.response.error_code, 0);
    EXPECT_FALSE(decision.response.error_message.has_value());
    cluster.Replay(decision.records);
    const auto& result = decision.response.responses.at(0).partitions.at(0);
    EXPECT_EQ(result.partition_index, request.topics[0].partitions[0].partition_index);
    return {kafka::ErrorFromCode(result.error_code),
            result.error_message.has_value() ? std::string(result.error_message->view()) : ""};
  }

  using Answer = std::pair<ErrorCode, std::string>;
  const Answer kOk{ErrorCode::kNone, ""};
  TestCluster cluster;
};

TEST_F(ReassignmentsTest, FirstAddsTheNewReplicas) {
  EXPECT_EQ(Alter(Request({{5, 1, 4}})), kOk);
  const PartitionRegistration& partition = cluster.Partition("demo");
  EXPECT_EQ(partition.replicas, Ids({5, 1, 4, 2, 3}));
  EXPECT_EQ(partition.adding_replicas, Ids({4, 5}));
  EXPECT_EQ(partition.removing_replicas, Ids({2, 3}));
  EXPECT_EQ(partition.isr, Ids({1, 2, 3}));
  EXPECT_EQ(partition.leader, NodeId(1));
  EXPECT_EQ(partition.leader_epoch, LeaderEpoch(0));
  EXPECT_EQ(partition.DirectoryOf(NodeId(5)), TestCluster::DirectoryOf(5));
  EXPECT_EQ(partition.DirectoryOf(NodeId(2)), TestCluster::DirectoryOf(2));
}

TEST_F(ReassignmentsTest, AnotherOrderOrFewerReplicasAreDoneAtOnce) {
  EXPECT_EQ(Alter(Request({{3, 2, 1}})), kOk);
  EXPECT_EQ(cluster.Partition("demo").replicas, Ids({3, 2, 1}));
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(1));
  EXPECT_EQ(Alter(Request({{3, 2}})), kOk);
  const PartitionRegistration& partition = cluster.Partition("demo");
  EXPECT_EQ(partition.replicas, Ids({3, 2}));
  EXPECT_EQ(partition.isr, Ids({2, 3}));
  EXPECT_EQ(partition.leader, NodeId(3));
  EXPECT_EQ(partition.leader_epoch, LeaderEpoch(1));
  EXPECT_TRUE(partition.removing_replicas.empty());
}

TEST_F(ReassignmentsTest, SaysWhatIsWrong) {
  EXPECT_EQ(Alter(Request({{1}}, 0, "none")),
            Answer(ErrorCode::kUnknownTopicOrPartition, "Unable to find a topic named none."));
  EXPECT_EQ(Alter(Request({{1}}, 2)),
            Answer(ErrorCode::kUnknownTopicOrPartition, "Unable to find partition demo:2."));
  EXPECT_EQ(Alter(Request({{1, 9}})),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "The manual partition assignment includes broker 9, but no such broker is registered."));
  EXPECT_EQ(Alter(Request({{1, 1}})),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "The manual partition assignment includes the broker 1 more than once."));
  EXPECT_EQ(Alter(Request(std::vector<int32_t>())),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "The manual partition assignment includes an empty replica list."));
  EXPECT_EQ(Alter(Request(std::nullopt)), Answer(ErrorCode::kNoReassignmentInProgress, ""));
}

TEST_F(ReassignmentsTest, MayHoldOnToTheReplicationFactor) {
  AlterPartitionReassignmentsRequest request = Request({{1, 2}});
  request.allow_replication_factor_change = false;
  EXPECT_EQ(Alter(request),
            Answer(ErrorCode::kInvalidReplicationFactor, "The replication factor is changed from 3 to 2"));
  request = Request({{1, 2, 4}});
  request.allow_replication_factor_change = false;
  EXPECT_EQ(Alter(request), kOk);
  EXPECT_EQ(cluster.Partition("demo").replicas.size(), 4u);
  // What counts is how many there will be.
  request = Request({{1, 2, 5}});
  request.allow_replication_factor_change = false;
  EXPECT_EQ(Alter(request), kOk);
  EXPECT_FALSE(
      AlterPartitionReassignments(cluster.Context(), request).response.allow_replication_factor_change);
}

TEST_F(ReassignmentsTest, CancelsOne) {
  EXPECT_EQ(Alter(Request({{4, 5, 1}})), kOk);
  PartitionRegistration partition = cluster.Partition("demo");
  partition.isr = Ids({1, 2, 3, 4});
  cluster.SetPartition("demo", 0, partition);
  EXPECT_EQ(Alter(Request(std::nullopt)), kOk);
  const PartitionRegistration& after = cluster.Partition("demo");
  EXPECT_EQ(after.replicas, Ids({1, 2, 3}));
  EXPECT_EQ(after.isr, Ids({1, 2, 3}));
  EXPECT_TRUE(after.adding_replicas.empty());
  EXPECT_TRUE(after.removing_replicas.empty());
  EXPECT_EQ(after.leader_epoch, LeaderEpoch(1));
}

TEST_F(ReassignmentsTest, CancelsUncleanlyOnlyIfThatIsAllowed) {
  EXPECT_EQ(Alter(Request({{4, 5}})), kOk);
  PartitionRegistration partition = cluster.Partition("demo");
  partition.isr = Ids({4});
  partition.leader = NodeId(4);
  cluster.SetPartition("demo", 0, partition);
  EXPECT_EQ(Alter(Request(std::nullopt)),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "Unable to revert partition assignment for demo:0 because it would require an unclean "
                   "leader election."));
  cluster.SetConfig(metadata::ConfigResourceType::kTopic, "demo", "unclean.leader.election.enable", "true");
  EXPECT_EQ(Alter(Request(std::nullopt)), kOk);
  EXPECT_EQ(cluster.Partition("demo").replicas, Ids({1, 2, 3}));
  EXPECT_EQ(cluster.Partition("demo").isr, Ids({1}));
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(1));
}

TEST_F(ReassignmentsTest, IsNotCancelledWhereTooFewThatStayAreInSync) {
  cluster.SetConfig(metadata::ConfigResourceType::kTopic, "demo", "min.insync.replicas", "2");
  EXPECT_EQ(Alter(Request({{4, 5, 1}})), kOk);
  PartitionRegistration partition = cluster.Partition("demo");
  partition.isr = Ids({1, 4});
  cluster.SetPartition("demo", 0, partition);
  EXPECT_EQ(Alter(Request(std::nullopt)),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "Unable to revert partition assignment for demo:0 because fewer than min.insync.replicas "
                   "of the replicas that would stay are in sync."));
  EXPECT_EQ(cluster.Partition("demo").isr, Ids({1, 4}));
  partition.isr = Ids({1, 3, 4});
  cluster.SetPartition("demo", 0, partition);
  EXPECT_EQ(Alter(Request(std::nullopt)), kOk);
  EXPECT_EQ(cluster.Partition("demo").isr, Ids({1, 3}));
}

TEST_F(ReassignmentsTest, WhoIsMovedAwayIsNoEligibleLeaderAnyMore) {
  cluster.SetConfig(metadata::ConfigResourceType::kTopic, "demo", "min.insync.replicas", "2");
  EXPECT_EQ(Alter(Request({{4, 5, 1}})), kOk);
  PartitionRegistration partition = cluster.Partition("demo");
  partition.isr = Ids({1});
  partition.elr = Ids({3, 4});
  cluster.SetPartition("demo", 0, partition);
  EXPECT_EQ(Alter(Request(std::nullopt)), kOk);
  EXPECT_EQ(cluster.Partition("demo").elr, Ids({3}));
}

TEST_F(ReassignmentsTest, ListsWhatIsUnderWay) {
  kafka::ListPartitionReassignmentsRequest request;
  request.topics.reset();
  EXPECT_TRUE(ListPartitionReassignments(cluster.image(), request).topics.empty());
  EXPECT_EQ(Alter(Request({{5, 3, 4}}, 1)), kOk);
  auto listed = ListPartitionReassignments(cluster.image(), request);
  ASSERT_EQ(listed.topics.size(), 1u);
  EXPECT_EQ(listed.topics[0].name.view(), "demo");
  ASSERT_EQ(listed.topics[0].partitions.size(), 1u);
  EXPECT_EQ(listed.topics[0].partitions[0].partition_index, 1);
  EXPECT_EQ(listed.topics[0].partitions[0].replicas, (std::vector<int32_t>{5, 3, 4, 2}));
  EXPECT_EQ(listed.topics[0].partitions[0].adding_replicas, (std::vector<int32_t>{5}));
  EXPECT_EQ(listed.topics[0].partitions[0].removing_replicas, (std::vector<int32_t>{2}));

  auto& topic = request.topics.emplace().emplace_back();
  topic.name = "demo";
  topic.partition_indexes = {0, 7};
  request.topics->emplace_back().name = "none";
  EXPECT_TRUE(ListPartitionReassignments(cluster.image(), request).topics.empty());
  (*request.topics)[0].partition_indexes = {0, 1};
  listed = ListPartitionReassignments(cluster.image(), request);
  ASSERT_EQ(listed.topics.size(), 1u);
  EXPECT_EQ(listed.topics[0].partitions.size(), 1u);
}

}  // namespace
}  // namespace dohle::controller
