// lib/kafka/client's Admin against a real broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/kafka/client/kafka_status.h"
#include "tests/topics/world.h"

namespace dohle::sim {
namespace {

using kafka::ErrorCode;
using kafka::client::KafkaError;
using testing::HasSubstr;

class AdminTest : public testing::Test {
 protected:
  TopicId Make(const std::string& name, int32_t partitions,
               std::vector<std::pair<std::string, std::string>> configs = {}) {
    std::vector<kafka::client::NewTopic> topics;
    topics.push_back({name, partitions, 1, std::move(configs)});
    const auto made = world_.Do(admin().CreateTopics(std::move(topics)));
    EXPECT_TRUE(made.at(0).ok()) << made[0].status();
    return made[0].ok() ? *made[0] : TopicId();
  }
  kafka::client::Admin& admin() { return world_.admin(); }

  TopicsWorld world_{1};
};

TEST_F(AdminTest, TopicsComeGrowAndGo) {
  const TopicId id = Make("orders", 3);
  std::vector<std::string> names = {"orders", "absent", "no/name"};
  auto described = world_.Do(admin().DescribeTopics(names));
  ASSERT_TRUE(described[0].ok()) << described[0].status();
  EXPECT_EQ(described[0]->id, id);
  ASSERT_EQ(described[0]->partitions.size(), 3u);
  EXPECT_EQ(described[0]->partitions[2].index, 2);
  EXPECT_EQ(described[0]->partitions[2].leader, NodeId(1));
  EXPECT_EQ(described[0]->partitions[2].replicas, std::vector<NodeId>{NodeId(1)});
  EXPECT_EQ(described[1].status().code(), StatusCode::kNotFound);
  EXPECT_EQ(described[2].status().code(), StatusCode::kInvalidArgument);

  std::vector<kafka::client::TopicGrowth> growth = {{"orders", 5, 2}, {"orders2", 5, 2}};
  const auto grown = world_.Do(admin().CreatePartitions(growth));
  EXPECT_TRUE(grown[0].ok()) << grown[0];
  EXPECT_EQ(KafkaError(grown[1]), ErrorCode::kUnknownTopicOrPartition);
  growth = {{"orders", 4, 1}};
  const auto shrunk = world_.Do(admin().CreatePartitions(growth));
  EXPECT_EQ(KafkaError(shrunk[0]), ErrorCode::kInvalidPartitions);
  EXPECT_THAT(std::string(Message(shrunk[0])), HasSubstr("INVALID_PARTITIONS: "));
  EXPECT_EQ(world_.Topics()->at("orders").partitions.size(), 5u);

  std::vector<TopicId> ids = {id, Uuid(1, 2)};
  const auto deleted = world_.Do(admin().DeleteTopics(ids));
  EXPECT_TRUE(deleted[0].ok()) << deleted[0];
  EXPECT_EQ(KafkaError(deleted[1]), ErrorCode::kUnknownTopicId);
  EXPECT_TRUE(world_.Topics()->empty());
}

TEST_F(AdminTest, ConfigsAreSetUnsetAndShown) {
  Make("orders", 1, {{"retention.ms", "1000"}, {"cleanup.policy", "compact"}});
  std::vector<kafka::client::TopicConfigChange> changes(2);
  changes[0] = {"orders",
                {{"retention.ms", "2000"}, {"cleanup.policy", std::nullopt}, {"segment.ms", "5000"}}};
  changes[1] = {"absent", {{"retention.ms", "2000"}}};
  const auto altered = world_.Do(admin().AlterTopicConfigs(changes));
  EXPECT_TRUE(altered[0].ok()) << altered[0];
  EXPECT_EQ(KafkaError(altered[1]), ErrorCode::kUnknownTopicOrPartition);
  std::vector<std::string> names = {"orders", "absent"};
  const auto configs = world_.Do(admin().DescribeTopicConfigs(names));
  ASSERT_TRUE(configs[0].ok()) << configs[0].status();
  EXPECT_EQ(*configs[0], (kafka::client::TopicConfigs{{"retention.ms", "2000"}, {"segment.ms", "5000"}}));
  EXPECT_EQ(KafkaError(configs[1].status()), ErrorCode::kUnknownTopicOrPartition);
  changes = {{"orders", {{"retention.ms", "never"}}}};
  const auto refused = world_.Do(admin().AlterTopicConfigs(changes));
  EXPECT_EQ(KafkaError(refused[0]), ErrorCode::kInvalidConfig);
}

TEST_F(AdminTest, ACreationThatIsRefusedSaysWhyInKafkasWords) {
  std::vector<kafka::client::NewTopic> topics;
  topics.push_back({"a", 1, 3, {}});
  topics.push_back({"b", 1, 1, {{"no.such.key", "1"}}});
  topics.push_back({"c", 1, 1, {}});
  const auto made = world_.Do(admin().CreateTopics(topics));
  EXPECT_EQ(KafkaError(made[0].status()), ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(KafkaError(made[1].status()), ErrorCode::kInvalidConfig);
  EXPECT_TRUE(made[2].ok()) << made[2].status();
  const auto again = world_.Do(admin().CreateTopics(topics));
  EXPECT_EQ(again[2].status().code(), StatusCode::kAlreadyExists);
}

TEST_F(AdminTest, OffsetsSizesAndGroupsAreShown) {
  Make("orders", 2);
  std::vector<kafka::client::LeaderOfPartition> partitions = {
      {"orders", 0, NodeId(1)}, {"orders", 1, NodeId(1)}, {"orders", 7, NodeId(1)}, {"orders", 1, kNoNode}};
  const auto ends = world_.Do(admin().LatestOffsets(partitions));
  EXPECT_EQ(ends[0].value_or(-1), 0);
  EXPECT_EQ(ends[1].value_or(-1), 0);
  EXPECT_EQ(KafkaError(ends[2].status()), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(ends[3].status().code(), StatusCode::kUnavailable);

  const auto dirs = world_.Do(admin().DescribeLogDirs());
  EXPECT_TRUE(dirs.status.ok()) << dirs.status;
  ASSERT_EQ(dirs.dirs.size(), 1u);
  EXPECT_EQ(dirs.dirs[0].broker, NodeId(1));
  EXPECT_EQ(dirs.dirs[0].replicas.size(), 2u);

  const auto groups = world_.Do(admin().ListGroups());
  EXPECT_TRUE(groups.status.ok()) << groups.status;
  EXPECT_TRUE(groups.groups.empty());
  // The first look at a coordinator makes the topic that its groups are kept in.
  std::vector<std::string> ids = {"nobody"};
  std::vector<StatusOr<std::vector<kafka::client::CommittedOffset>>> offsets;
  EXPECT_TRUE(world_.RunUntil(
      [&] {
        offsets = world_.Do(admin().FetchOffsets(ids));
        return offsets[0].ok();
      },
      absl::Seconds(30)))
      << offsets[0].status();
  EXPECT_TRUE(offsets[0]->empty());
  const auto described = world_.Do(admin().DescribeGroups(ids));
  EXPECT_TRUE(!described[0].ok() || described[0]->state == "Dead") << described[0].status();
}

TEST_F(AdminTest, ABrokerThatComesBackIsFoundAgain) {
  Make("orders", 1);
  world_.CrashBroker(absl::Seconds(3));
  world_.RunFor(absl::Seconds(6));
  const auto topics = world_.Topics();
  ASSERT_TRUE(topics.ok()) << topics.status();
  EXPECT_TRUE(topics->contains("orders"));
}

}  // namespace
}  // namespace dohle::sim
