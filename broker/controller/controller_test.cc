#include "broker/controller/controller.h"

#include <set>

#include "broker/controller/api_error.h"
#include "broker/controller/test_node.h"
#include "lib/kafka/messages/allocate_producer_ids_request.h"
#include "lib/kafka/messages/allocate_producer_ids_response.h"
#include "lib/kafka/messages/create_partitions_request.h"
#include "lib/kafka/messages/create_partitions_response.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"
#include "lib/kafka/messages/delete_topics_request.h"
#include "lib/kafka/messages/delete_topics_response.h"
#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/describe_quorum_response.h"
#include "lib/kafka/messages/incremental_alter_configs_request.h"
#include "lib/kafka/messages/incremental_alter_configs_response.h"

namespace dohle::controller {
namespace {

using testing::TestNode;

class ControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node.config.max_idle_interval_ms = 0;
    ASSERT_TRUE(node.Format().ok());
    const Status begun = node.Begin();
    ASSERT_TRUE(begun.ok()) << begun;
    node.JoinAsBroker(-1);
  }

  static kafka::CreateTopicsRequest Topics(const std::vector<std::string>& names, int32_t partitions = 1) {
    kafka::CreateTopicsRequest request;
    for (const std::string& name : names) {
      auto& topic = request.topics.emplace_back();
      topic.name = std::string(name);
      topic.num_partitions = partitions;
      topic.replication_factor = 1;
    }
    return request;
  }
  kafka::CreateTopicsResponse Create(const kafka::CreateTopicsRequest& request) {
    auto response = node.Await(node.controller().CreateTopics(request));
    EXPECT_TRUE(response.ok()) << response.status();
    return *std::move(response);
  }
  // Code and message of the only topic.
  std::pair<ErrorCode, std::string> CreateOne(const kafka::CreateTopicsRequest& request) {
    const auto response = Create(request);
    EXPECT_EQ(response.topics.size(), 1u);
    const auto& topic = response.topics.front();
    return {kafka::ErrorFromCode(topic.error_code),
            topic.error_message.has_value() ? std::string(topic.error_message->view()) : "-"};
  }

  TestNode node;
};

TEST_F(ControllerTest, ANewClusterHasWhatFormatDecided) {
  const auto& image = node.image();
  EXPECT_EQ(image.features.metadata_version(), 30);
  EXPECT_TRUE(image.features.elr_enabled());
  EXPECT_EQ(image.features.kraft_version, 1);
  EXPECT_EQ(image.configs.Find(metadata::ConfigResourceType::kBroker, "").at("min.insync.replicas"), "1");
  ASSERT_NE(image.cluster.Broker(NodeId(1)), nullptr);
  EXPECT_TRUE(image.cluster.IsActive(NodeId(1)));
  // LeaderChange, KRaftVersion, Voters, transaction of five, RegisterController: the same place as Kafka's.
  EXPECT_EQ(image.cluster.Broker(NodeId(1))->epoch, BrokerEpoch(9));
  EXPECT_TRUE(image.cluster.controllers.Contains(NodeId(1)));
  ASSERT_FALSE(node.recorder->updates.empty());
  EXPECT_TRUE(node.recorder->updates.front().changes.everything);
}

TEST_F(ControllerTest, CreatesGrowsAndDeletesTopics) {
  auto request = Topics({"demo"}, 2);
  auto& config = request.topics[0].configs.emplace_back();
  config.name = "segment.bytes";
  config.value = kafka::Text("1048576");
  const auto created = Create(request);
  ASSERT_EQ(created.topics.size(), 1u);
  EXPECT_EQ(created.topics[0].error_code, 0);
  EXPECT_FALSE(created.topics[0].error_message.has_value());
  EXPECT_EQ(created.topics[0].num_partitions, 2);
  const metadata::TopicImage* topic = node.image().topics.Find("demo");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->id, created.topics[0].topic_id);
  const auto* partition = topic->Partition(PartitionIndex(1));
  ASSERT_NE(partition, nullptr);
  EXPECT_EQ(partition->leader, NodeId(1));
  EXPECT_EQ(partition->DirectoryOf(NodeId(1)), node.directory_id());
  EXPECT_EQ(node.image().configs.Topic("demo").at("segment.bytes"), "1048576");
  EXPECT_TRUE(node.recorder->updates.back().changes.created_topics.contains(topic->id));

  kafka::CreatePartitionsRequest grow;
  auto& wanted = grow.topics.emplace_back();
  wanted.name = "demo";
  wanted.count = 5;
  wanted.assignments.reset();
  auto grown = node.Await(node.controller().CreatePartitions(grow));
  ASSERT_TRUE(grown.ok());
  EXPECT_EQ(grown->results.at(0).error_code, 0);
  EXPECT_EQ(node.image().topics.Find("demo")->partition_count(), 5);
  grow.topics[0].count = 3;
  grown = node.Await(node.controller().CreatePartitions(grow));
  EXPECT_EQ(grown->results.at(0).error_code, kafka::ToCode(ErrorCode::kInvalidPartitions));
  EXPECT_EQ(grown->results.at(0).error_message->view(),
            "The topic demo currently has 5 partition(s); 3 would not be an increase.");

  kafka::DeleteTopicsRequest remove;
  remove.topics.emplace_back().name = kafka::Text("demo");
  auto removed = node.Await(node.controller().DeleteTopics(remove));
  ASSERT_TRUE(removed.ok());
  EXPECT_EQ(removed->responses.at(0).error_code, 0);
  EXPECT_EQ(node.image().topics.Find("demo"), nullptr);
  EXPECT_TRUE(node.image().configs.Topic("demo").empty());
  removed = node.Await(node.controller().DeleteTopics(remove));
  EXPECT_EQ(removed->responses.at(0).error_code, kafka::ToCode(ErrorCode::kUnknownTopicOrPartition));
}

TEST_F(ControllerTest, RefusesBadTopicsInKafkasWords) {
  using E = ErrorCode;
  using Answer = std::pair<ErrorCode, std::string>;
  EXPECT_EQ(CreateOne(Topics({"a.b"})).first, E::kNone);
  EXPECT_EQ(CreateOne(Topics({"a.b"})), Answer(E::kTopicAlreadyExists, "Topic 'a.b' already exists."));
  EXPECT_EQ(CreateOne(Topics({"a_b"})),
            Answer(E::kInvalidTopicException, "Topic 'a_b' collides with existing topic: a.b"));
  EXPECT_EQ(CreateOne(Topics({""})),
            Answer(E::kInvalidTopicException, "Topic name is invalid: the empty string is not allowed"));
  EXPECT_EQ(
      CreateOne(Topics({"a b"})),
      Answer(E::kInvalidTopicException,
             "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, "
             "'.', '_' and '-'"));
  EXPECT_EQ(CreateOne(Topics({"__cluster_metadata"})),
            Answer(E::kInvalidRequest, "Creation of internal topic __cluster_metadata is prohibited."));
  EXPECT_EQ(CreateOne(Topics({"z"}, 0)),
            Answer(E::kInvalidPartitions, "Number of partitions was set to an invalid non-positive value."));
  EXPECT_EQ(CreateOne(Topics({"z"}, 10'001)),
            Answer(E::kPolicyViolation, "Excessively large number of partitions per request."));
  auto many = Topics({"z"});
  many.topics[0].replication_factor = 2;
  EXPECT_EQ(
      CreateOne(many),
      Answer(
          E::kInvalidReplicationFactor,
          "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached "
          "because only 1 broker(s) are registered "
          "or some brokers have all their log directories cordoned."));
  auto config = Topics({"z"});
  config.topics[0].configs.emplace_back().name = "bogus";
  config.topics[0].configs[0].value = kafka::Text("1");
  EXPECT_EQ(CreateOne(config), Answer(E::kInvalidConfig, "Unknown topic config name: bogus"));
  auto assigned = Topics({"z"}, -1);
  assigned.topics[0].replication_factor = -1;
  assigned.topics[0].assignments.emplace_back().broker_ids = {7};
  EXPECT_EQ(CreateOne(assigned),
            Answer(E::kInvalidReplicaAssignment,
                   "The manual partition assignment includes broker 7, but no such broker is registered."));
  const auto twice = Create(Topics({"z", "z"}));
  ASSERT_EQ(twice.topics.size(), 1u);
  EXPECT_EQ(twice.topics[0].error_message->view(), "Duplicate topic name.");
  auto validated = Topics({"z"});
  validated.validate_only = true;
  EXPECT_EQ(CreateOne(validated).first, E::kNone);
  EXPECT_EQ(node.image().topics.Find("z"), nullptr);
}

TEST_F(ControllerTest, AltersConfigs) {
  Create(Topics({"demo"}));
  kafka::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "demo";
  auto& config = resource.configs.emplace_back();
  config.name = "cleanup.policy";
  config.config_operation = 2;  // append
  config.value = kafka::Text("compact");
  auto response = node.Await(node.controller().IncrementalAlterConfigs(request));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->responses.at(0).error_code, 0);
  EXPECT_EQ(node.image().configs.Topic("demo").at("cleanup.policy"), "delete,compact");

  request.resources[0].resource_name = "none";
  response = node.Await(node.controller().IncrementalAlterConfigs(request));
  EXPECT_EQ(response->responses.at(0).error_code, kafka::ToCode(ErrorCode::kUnknownTopicOrPartition));
  EXPECT_EQ(response->responses.at(0).error_message->view(), "The topic 'none' does not exist.");
}

TEST_F(ControllerTest, AllocatesProducerIdsInBlocks) {
  kafka::AllocateProducerIdsRequest request;
  request.broker_id = 1;
  request.broker_epoch = node.image().cluster.Broker(NodeId(1))->epoch.value();
  for (int64_t first : {0, 1000, 2000}) {
    auto response = node.Await(node.controller().AllocateProducerIds(request));
    ASSERT_TRUE(response.ok());
    EXPECT_EQ(response->producer_id_start, first);
    EXPECT_EQ(response->producer_id_len, 1000);
  }
  request.broker_epoch = 3;
  auto stale = node.Await(node.controller().AllocateProducerIds(request));
  EXPECT_EQ(stale->error_code, kafka::ToCode(ErrorCode::kStaleBrokerEpoch));
}

TEST_F(ControllerTest, ARestartKnowsEverything) {
  Create(Topics({"demo"}, 3));
  const BrokerEpoch epoch = node.image().cluster.Broker(NodeId(1))->epoch;
  EXPECT_FALSE(node.Heartbeat(true).should_shut_down);
  EXPECT_EQ(node.image().topics.Partition("demo", PartitionIndex(0))->leader, kNoNode);
  EXPECT_TRUE(node.Heartbeat(true).should_shut_down);
  ASSERT_TRUE(node.Stop().ok());

  ASSERT_TRUE(node.Begin().ok());
  EXPECT_EQ(node.image().topics.Find("demo")->partition_count(), 3);
  EXPECT_TRUE(node.image().cluster.Broker(NodeId(1))->fenced);
  node.JoinAsBroker(epoch.value());
  const auto* partition = node.image().topics.Partition("demo", PartitionIndex(2));
  EXPECT_EQ(partition->leader, NodeId(1));
  EXPECT_EQ(partition->leader_recovery_state, metadata::LeaderRecoveryState::kRecovered);
  EXPECT_EQ(partition->isr, metadata::Replicas{NodeId(1)});
  EXPECT_TRUE(partition->elr.empty());
}

TEST_F(ControllerTest, AfterACrashTheLastLeaderRecovers) {
  Create(Topics({"demo"}));
  ASSERT_TRUE(node.Stop().ok());  // without a word from the broker
  ASSERT_TRUE(node.Begin().ok());
  node.JoinAsBroker(-1);
  const auto* partition = node.image().topics.Partition("demo", PartitionIndex(0));
  EXPECT_EQ(partition->leader, NodeId(1));
  EXPECT_EQ(partition->leader_recovery_state, metadata::LeaderRecoveryState::kRecovering);
}

TEST_F(ControllerTest, SnapshotAndLogSayTheSame) {
  for (int i = 0; i < 50; ++i) Create(Topics({"topic." + std::to_string(i)}, 3));
  const auto taken = node.Await(node.log().TakeSnapshot());
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->offset, node.image().provenance.end_offset());
  Create(Topics({"later"}));
  const metadata::MetadataImage before = node.image();
  ASSERT_TRUE(node.Stop().ok());
  ASSERT_TRUE(node.Begin().ok());
  const metadata::MetadataImage& after = node.image();
  EXPECT_EQ(after.topics.by_id.size(), 51u);
  for (const auto& [id, topic] : before.topics.by_id) {
    const metadata::TopicImage* same = after.topics.Find(id);
    ASSERT_NE(same, nullptr);
    EXPECT_EQ(same->name, topic.name);
    for (const auto& [index, partition] : topic.partitions) EXPECT_EQ(*same->Partition(index), partition);
  }
  EXPECT_EQ(after.features.finalized, before.features.finalized);
  EXPECT_EQ(*after.cluster.Broker(NodeId(1)), *before.cluster.Broker(NodeId(1)));
}

env::Task<void> CreateMany(Controller* controller, int from, std::atomic<int>* left,
                           std::promise<void>* done) {
  for (int i = from; i < from + 20; ++i) {
    kafka::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "many-" + std::to_string(i);
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    auto response = co_await controller->CreateTopics(request);
    EXPECT_TRUE(response.ok() && response->topics.at(0).error_code == 0);
  }
  if (left->fetch_sub(1) == 1) done->set_value();
}

TEST_F(ControllerTest, ManyAtOnceFromTwoThreads) {
  std::atomic<int> left{10};
  std::promise<void> done;
  for (int i = 0; i < 10; ++i) {
    env::Spawn(*node.env().executors[static_cast<size_t>(i % 2)],
               CreateMany(&node.controller(), i * 20, &left, &done));
  }
  done.get_future().wait();
  EXPECT_EQ(node.image().topics.by_id.size(), 200u);
  std::set<TopicId> published;
  Offset last(-1);
  for (const auto& update : node.recorder->updates) {
    EXPECT_GT(update.after->provenance.last_contained_offset, last);
    last = update.after->provenance.last_contained_offset;
    for (const TopicId& id : update.changes.created_topics) EXPECT_TRUE(published.insert(id).second);
  }
  EXPECT_EQ(published.size(), 200u);
  // Group commit: fewer syncs than writes.
  EXPECT_LT(node.recorder->updates.size(), 200u);
}

TEST_F(ControllerTest, DescribesTheQuorum) {
  kafka::DescribeQuorumRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_name = "__cluster_metadata";
  topic.partitions.emplace_back().partition_index = 0;
  const auto response = node.controller().DescribeQuorum(request);
  const auto& partition = response.topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.leader_id, 1);
  EXPECT_EQ(partition.leader_epoch, 1);
  EXPECT_EQ(partition.high_watermark, node.image().provenance.end_offset().value());
  ASSERT_EQ(partition.current_voters.size(), 1u);
  EXPECT_EQ(partition.current_voters[0].replica_directory_id, node.directory_id());
  EXPECT_EQ(partition.current_voters[0].log_end_offset, partition.high_watermark);
  ASSERT_EQ(response.nodes.size(), 1u);
  EXPECT_EQ(response.nodes[0].listeners.at(0).port, 19093);
}

}  // namespace
}  // namespace dohle::controller
