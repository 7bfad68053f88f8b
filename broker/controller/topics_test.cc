#include "broker/controller/topics.h"

#include <map>
#include <set>

#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using testing::Ids;
using testing::TestCluster;

class TopicsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster.AddBroker(1, /*fenced=*/false, "a");
    cluster.AddBroker(2, /*fenced=*/false, "a");
    cluster.AddBroker(3, /*fenced=*/false, "b");
    cluster.AddBroker(4, /*fenced=*/false, "c");
  }
  static kafka::CreateTopicsRequest Request(int32_t partitions, int16_t replication_factor) {
    kafka::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "demo";
    topic.num_partitions = partitions;
    topic.replication_factor = replication_factor;
    return request;
  }
  static kafka::CreateTopicsRequest Assigned(const std::vector<std::vector<int32_t>>& replicas) {
    kafka::CreateTopicsRequest request = Request(-1, -1);
    for (size_t i = 0; i < replicas.size(); ++i) {
      auto& assignment = request.topics[0].assignments.emplace_back();
      assignment.partition_index = static_cast<int32_t>(i);
      assignment.broker_ids = replicas[i];
    }
    return request;
  }
  using Answer = std::pair<ErrorCode, std::string>;
  Answer Create(const kafka::CreateTopicsRequest& request) {
    auto decision = CreateTopics(cluster.Context(), request);
    cluster.Replay(decision.records);
    const auto& topic = decision.response.topics.at(0);
    return {kafka::ErrorFromCode(topic.error_code),
            topic.error_message.has_value() ? std::string(topic.error_message->view()) : ""};
  }
  Answer Grow(int32_t count, std::optional<std::vector<std::vector<int32_t>>> replicas = std::nullopt) {
    kafka::CreatePartitionsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "demo";
    topic.count = count;
    topic.assignments.reset();
    if (replicas.has_value()) {
      topic.assignments.emplace();
      for (auto& ids : *replicas) topic.assignments->emplace_back().broker_ids = ids;
    }
    auto decision = CreatePartitions(cluster.Context(), request);
    cluster.Replay(decision.records);
    const auto& result = decision.response.results.at(0);
    return {kafka::ErrorFromCode(result.error_code),
            result.error_message.has_value() ? std::string(result.error_message->view()) : ""};
  }

  const Answer kOk{ErrorCode::kNone, ""};
  TestCluster cluster;
};

TEST_F(TopicsTest, SpreadsReplicasOverRacksAndLeadersOverBrokers) {
  ASSERT_EQ(Create(Request(40, 3)), kOk);
  std::map<NodeId, int> leaders;
  const std::map<int, std::string> racks{{1, "a"}, {2, "a"}, {3, "b"}, {4, "c"}};
  for (const auto& [index, partition] : cluster.image().topics.Find("demo")->partitions) {
    std::set<std::string> used;
    for (const NodeId id : partition.replicas) used.insert(racks.at(id.value()));
    EXPECT_EQ(used.size(), 3u);
    EXPECT_EQ(partition.isr, partition.replicas);
    EXPECT_EQ(partition.leader, partition.replicas.front());
    ++leaders[partition.leader];
  }
  EXPECT_EQ(leaders.size(), 4u);
}

TEST_F(TopicsTest, BrokersThatAreAwayGetReplicasOnlyIfNeedBe) {
  cluster.SetFenced(3, true);
  metadata::BrokerRegistration stopped = *cluster.image().cluster.Broker(NodeId(4));
  stopped.fenced = true;
  stopped.in_controlled_shutdown = true;
  cluster.Set(stopped);
  ASSERT_EQ(Create(Request(6, 4)), kOk);
  for (const auto& [index, partition] : cluster.image().topics.Find("demo")->partitions) {
    EXPECT_EQ(partition.replicas.size(), 4u);
    EXPECT_EQ(partition.isr.size(), 2u);
    EXPECT_TRUE(partition.leader == NodeId(1) || partition.leader == NodeId(2));
  }
  // It is just going: nothing new for it.
  stopped.fenced = false;
  cluster.Set(stopped);
  kafka::CreateTopicsRequest request = Request(1, 4);
  request.topics[0].name = "another";
  EXPECT_EQ(
      Create(request),
      Answer(ErrorCode::kInvalidReplicationFactor,
             "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be "
             "reached because only 3 broker(s) are registered or some brokers have all their log "
             "directories cordoned."));
}

TEST_F(TopicsTest, TakesAnAssignmentAsItIs) {
  cluster.SetFenced(2, true);
  ASSERT_EQ(Create(Assigned({{2, 3}, {4, 1}})), kOk);
  EXPECT_EQ(cluster.Partition("demo", 0).replicas, Ids({2, 3}));
  EXPECT_EQ(cluster.Partition("demo", 0).isr, Ids({3}));
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(3));
  EXPECT_EQ(cluster.Partition("demo", 1).leader, NodeId(4));
  EXPECT_EQ(Grow(3, {{{1, 2}}}), kOk);
  EXPECT_EQ(cluster.Partition("demo", 2).isr, Ids({1}));
  EXPECT_EQ(Grow(4, {{{1}}}),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "The manual partition assignment includes a partition with 1 replica(s), but this is not "
                   "consistent with previous partitions, which have 2 replica(s)."));
  EXPECT_EQ(Grow(4), kOk);
  EXPECT_EQ(cluster.Partition("demo", 3).replicas.size(), 2u);
}

TEST_F(TopicsTest, SaysWhatIsWrongWithAnAssignment) {
  EXPECT_EQ(Create(Assigned({{1, 9}})),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "The manual partition assignment includes broker 9, but no such broker is registered."));
  EXPECT_EQ(Create(Assigned({{1, 2}, {3}})),
            Answer(ErrorCode::kInvalidReplicaAssignment,
                   "The manual partition assignment includes a partition with 1 replica(s), but this is not "
                   "consistent with previous partitions, which have 2 replica(s)."));
  cluster.SetFenced(4, true);
  EXPECT_EQ(
      Create(Assigned({{4}})),
      Answer(ErrorCode::kInvalidReplicaAssignment,
             "All brokers specified in the manual partition assignment for partition 0 are fenced or in "
             "controlled shutdown."));
}

TEST_F(TopicsTest, DeletesByNameOrIdEachOnce) {
  ASSERT_EQ(Create(Request(3, 3)), kOk);
  kafka::DeleteTopicsRequest request;
  request.topics.emplace_back().name = kafka::Text("demo");
  auto& by_id = request.topics.emplace_back();
  by_id.name.reset();
  by_id.topic_id = cluster.image().topics.Find("demo")->id;
  auto decision = DeleteTopics(cluster.Context(), request);
  ASSERT_EQ(decision.response.responses.size(), 1u);
  EXPECT_EQ(decision.response.responses[0].error_code, kafka::ToCode(ErrorCode::kInvalidRequest));
  EXPECT_TRUE(decision.records.empty());
  request.topics.pop_back();
  decision = DeleteTopics(cluster.Context(), request);
  cluster.Replay(decision.records);
  EXPECT_EQ(cluster.image().topics.Find("demo"), nullptr);
}

}  // namespace
}  // namespace dohle::controller
