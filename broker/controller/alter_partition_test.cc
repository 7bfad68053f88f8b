#include "broker/controller/alter_partition.h"

#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using metadata::LeaderRecoveryState;
using metadata::PartitionRegistration;
using testing::Ids;
using testing::TestCluster;
using Result = kafka::AlterPartitionResponse::PartitionData;

// Three brokers; «demo» has one partition on all of them, broker 1 leads.
class AlterPartitionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster.AddBrokers({1, 2, 3});
    topic = cluster.AddTopic("demo", {Ids({1, 2, 3})});
  }

  kafka::AlterPartitionRequest Request(int broker, std::vector<std::pair<int, int64_t>> isr) const {
    kafka::AlterPartitionRequest request;
    request.broker_id = broker;
    request.broker_epoch = broker * 10;
    auto& wanted = request.topics.emplace_back();
    wanted.topic_id = topic;
    auto& partition = wanted.partitions.emplace_back();
    for (const auto& [id, epoch] : isr) {
      auto& member = partition.new_isr_with_epochs.emplace_back();
      member.broker_id = id;
      member.broker_epoch = epoch;
    }
    partition.leader_epoch = cluster.Partition("demo").leader_epoch.value();
    partition.partition_epoch = cluster.Partition("demo").partition_epoch.value();
    return request;
  }
  static kafka::AlterPartitionRequest::PartitionData& PartitionOf(kafka::AlterPartitionRequest& request) {
    return request.topics[0].partitions[0];
  }
  // Decides and applies; the only partition's answer.
  Result Alter(const kafka::AlterPartitionRequest& request, int16_t version = 3) {
    auto decision = AlterPartition(cluster.Context(), request, version);
    EXPECT_EQ(decision.response.error_code, 0);
    records = decision.records.size();
    cluster.Replay(decision.records);
    return decision.response.topics.at(0).partitions.at(0);
  }
  ErrorCode ErrorOf(const kafka::AlterPartitionRequest& request, int16_t version = 3) {
    const Result result = Alter(request, version);
    EXPECT_EQ(records, 0u);
    return kafka::ErrorFromCode(result.error_code);
  }

  TestCluster cluster;
  TopicId topic;
  size_t records = 0;
};

TEST_F(AlterPartitionTest, ShrinksAndGrowsTheIsr) {
  Result result = Alter(Request(1, {{1, 10}, {2, 20}}));
  EXPECT_EQ(result.error_code, 0);
  EXPECT_EQ(result.isr, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(result.leader_id, 1);
  // From 3.6-IV0 on a smaller ISR is no new leader epoch (KAFKA-15021).
  EXPECT_EQ(result.leader_epoch, 0);
  EXPECT_EQ(result.partition_epoch, 1);
  EXPECT_EQ(cluster.Partition("demo").isr, Ids({1, 2}));
  result = Alter(Request(1, {{1, 10}, {2, 20}, {3, 30}}));
  EXPECT_EQ(result.error_code, 0);
  EXPECT_EQ(result.partition_epoch, 2);
  EXPECT_EQ(cluster.Partition("demo").isr, Ids({1, 2, 3}));
  // As it is: the same answer, and nothing to write.
  result = Alter(Request(1, {{1, 10}, {2, 20}, {3, 30}}));
  EXPECT_EQ(result.error_code, 0);
  EXPECT_EQ(result.partition_epoch, 2);
  EXPECT_EQ(records, 0u);
}

TEST_F(AlterPartitionTest, AShrinkIsANewLeaderEpochBelow36) {
  TestCluster old(11, /*elr=*/false);
  old.AddBrokers({1, 2, 3});
  topic = old.AddTopic("demo", {Ids({1, 2, 3})});
  kafka::AlterPartitionRequest request = Request(1, {});
  PartitionOf(request).new_isr = {1, 2};
  auto decision = AlterPartition(old.Context(), request, 2);
  EXPECT_EQ(decision.response.topics.at(0).partitions.at(0).leader_epoch, 1);
  old.Replay(decision.records);
  EXPECT_EQ(old.Partition("demo").leader_epoch, LeaderEpoch(1));
  // Growing isn't.
  PartitionOf(request).new_isr = {1, 2, 3};
  PartitionOf(request).leader_epoch = 1;
  PartitionOf(request).partition_epoch = 1;
  decision = AlterPartition(old.Context(), request, 2);
  EXPECT_EQ(decision.response.topics.at(0).partitions.at(0).leader_epoch, 1);
}

TEST_F(AlterPartitionTest, TheBrokerMustBeWhoItWas) {
  auto request = Request(1, {{1, 10}});
  request.broker_epoch = 9;
  auto decision = AlterPartition(cluster.Context(), request, 3);
  EXPECT_EQ(decision.response.error_code, kafka::ToCode(ErrorCode::kStaleBrokerEpoch));
  EXPECT_TRUE(decision.response.topics.empty());
  request.broker_id = 7;
  decision = AlterPartition(cluster.Context(), request, 3);
  EXPECT_EQ(decision.response.error_code, kafka::ToCode(ErrorCode::kStaleBrokerEpoch));
}

TEST_F(AlterPartitionTest, WhoAsksForNothingIsNotLookedAt) {
  kafka::AlterPartitionRequest request;
  request.broker_id = 77;
  EXPECT_EQ(AlterPartition(cluster.Context(), request, 3).response.error_code, 0);
}

TEST_F(AlterPartitionTest, RefusesWhatIsUnknown) {
  auto request = Request(1, {{1, 10}});
  PartitionOf(request).partition_index = 1;
  EXPECT_EQ(ErrorOf(request), ErrorCode::kUnknownTopicOrPartition);
  request.topics[0].topic_id = TopicId(1, 2);
  EXPECT_EQ(ErrorOf(request), ErrorCode::kUnknownTopicId);
}

TEST_F(AlterPartitionTest, RefusesByEpoch) {
  PartitionRegistration partition = cluster.Partition("demo");
  partition.leader_epoch = LeaderEpoch(5);
  partition.partition_epoch = PartitionEpoch(8);
  cluster.SetPartition("demo", 0, partition);
  const auto error = [&](int broker, int leader_epoch, int partition_epoch) {
    auto request = Request(broker, {{1, 10}, {2, 20}});
    PartitionOf(request).leader_epoch = leader_epoch;
    PartitionOf(request).partition_epoch = partition_epoch;
    return ErrorOf(request);
  };
  EXPECT_EQ(error(1, 6, 8), ErrorCode::kNotController);
  EXPECT_EQ(error(1, 5, 9), ErrorCode::kNotController);
  EXPECT_EQ(error(1, 4, 8), ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(error(1, 4, 9), ErrorCode::kNotController);
  EXPECT_EQ(error(2, 5, 8), ErrorCode::kInvalidRequest);
  EXPECT_EQ(error(1, 5, 7), ErrorCode::kInvalidUpdateVersion);
}

TEST_F(AlterPartitionTest, RefusesAnImpossibleIsr) {
  cluster.AddBroker(4);
  EXPECT_EQ(ErrorOf(Request(1, {{1, 10}, {4, 40}})), ErrorCode::kInvalidRequest);
  EXPECT_EQ(ErrorOf(Request(1, {{1, 10}, {2, 20}, {2, 20}})), ErrorCode::kInvalidRequest);
  EXPECT_EQ(ErrorOf(Request(1, {{1, 10}, {-1, -1}})), ErrorCode::kInvalidRequest);
  EXPECT_EQ(ErrorOf(Request(1, {{2, 20}, {3, 30}})), ErrorCode::kInvalidRequest);
  EXPECT_EQ(ErrorOf(Request(1, {})), ErrorCode::kInvalidRequest);
}

TEST_F(AlterPartitionTest, OnlyLiveReplicasMayBeInSync) {
  EXPECT_EQ(ErrorOf(Request(1, {{1, 10}, {2, 19}})), ErrorCode::kIneligibleReplica);
  EXPECT_EQ(Alter(Request(1, {{1, 10}, {2, -1}})).error_code, 0);  // not checked
  cluster.SetFenced(3, true);
  EXPECT_EQ(ErrorOf(Request(1, {{1, 10}, {2, 20}, {3, 30}})), ErrorCode::kIneligibleReplica);
  cluster.SetFenced(3, false);
  metadata::BrokerRegistration broker = *cluster.image().cluster.Broker(NodeId(3));
  broker.in_controlled_shutdown = true;
  cluster.Set(broker);
  EXPECT_EQ(ErrorOf(Request(1, {{1, 10}, {2, 20}, {3, 30}})), ErrorCode::kIneligibleReplica);
  // Without epochs, too.
  auto request = Request(1, {});
  PartitionOf(request).new_isr = {1, 2, 3};
  EXPECT_EQ(ErrorOf(request, 2), ErrorCode::kIneligibleReplica);
  PartitionOf(request).new_isr = {1};
  EXPECT_EQ(Alter(request, 2).error_code, 0);
  kafka::UnregisterBrokerRecord gone;
  gone.broker_id = 3;
  gone.broker_epoch = 30;
  cluster.Replay({std::move(gone), 0});
  EXPECT_EQ(ErrorOf(Request(1, {{1, 10}, {3, 30}})), ErrorCode::kIneligibleReplica);
}

TEST_F(AlterPartitionTest, RecoversOnceAndAlone) {
  PartitionRegistration partition = cluster.Partition("demo");
  partition.isr = Ids({1});
  partition.leader_recovery_state = LeaderRecoveryState::kRecovering;
  cluster.SetPartition("demo", 0, partition);
  auto request = Request(1, {{1, 10}, {2, 20}});
  PartitionOf(request).leader_recovery_state = 1;
  EXPECT_EQ(ErrorOf(request), ErrorCode::kInvalidRequest);
  request = Request(1, {{1, 10}});
  PartitionOf(request).leader_recovery_state = 2;
  EXPECT_EQ(ErrorOf(request), ErrorCode::kInvalidRequest);
  PartitionOf(request).leader_recovery_state = 0;
  EXPECT_EQ(Alter(request).leader_recovery_state, 0);
  EXPECT_EQ(cluster.Partition("demo").leader_recovery_state, LeaderRecoveryState::kRecovered);
  request = Request(1, {{1, 10}});
  PartitionOf(request).leader_recovery_state = 1;
  EXPECT_EQ(ErrorOf(request), ErrorCode::kInvalidRequest);
}

TEST_F(AlterPartitionTest, WhoLeavesAnIsrThatIsTooSmallStaysEligible) {
  cluster.SetConfig(metadata::ConfigResourceType::kTopic, "demo", "min.insync.replicas", "2");
  EXPECT_EQ(Alter(Request(1, {{1, 10}, {2, 20}})).error_code, 0);
  EXPECT_TRUE(cluster.Partition("demo").elr.empty());
  EXPECT_EQ(Alter(Request(1, {{1, 10}})).error_code, 0);
  EXPECT_EQ(cluster.Partition("demo").elr, Ids({2}));
  EXPECT_EQ(Alter(Request(1, {{1, 10}, {3, 30}})).error_code, 0);
  EXPECT_TRUE(cluster.Partition("demo").elr.empty());
}

TEST_F(AlterPartitionTest, CompletesAReassignment) {
  PartitionRegistration partition = cluster.Partition("demo");
  cluster.AddBroker(4);
  partition.replicas = Ids({1, 2, 4, 3});
  partition.directories.insert(partition.directories.begin() + 2, TestCluster::DirectoryOf(4));
  partition.adding_replicas = Ids({4});
  partition.removing_replicas = Ids({3});
  cluster.SetPartition("demo", 0, partition);
  const Result result = Alter(Request(1, {{1, 10}, {2, 20}, {3, 30}, {4, 40}}));
  EXPECT_EQ(result.error_code, 0);
  EXPECT_EQ(result.isr, (std::vector<int32_t>{1, 2, 4}));
  EXPECT_EQ(result.leader_epoch, 1);  // who is no replica any more sees it by that
  const PartitionRegistration& after = cluster.Partition("demo");
  EXPECT_EQ(after.replicas, Ids({1, 2, 4}));
  EXPECT_EQ(after.directories.back(), TestCluster::DirectoryOf(4));
  EXPECT_TRUE(after.adding_replicas.empty());
  EXPECT_TRUE(after.removing_replicas.empty());
}

TEST_F(AlterPartitionTest, CompletionMayCostTheLeaderItsPlace) {
  PartitionRegistration partition = cluster.Partition("demo");
  partition.isr = Ids({1, 2});
  partition.removing_replicas = Ids({1});
  cluster.SetPartition("demo", 0, partition);
  const Result result = Alter(Request(1, {{1, 10}, {2, 20}, {3, 30}}));
  EXPECT_EQ(result.error_code, kafka::ToCode(ErrorCode::kNewLeaderElected));
  EXPECT_EQ(records, 1u);
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(2));
  EXPECT_EQ(cluster.Partition("demo").replicas, Ids({2, 3}));
}

}  // namespace
}  // namespace dohle::controller
