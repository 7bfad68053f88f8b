// The Admin against a cluster that is running: DOHLE_TEST_BOOTSTRAP=host:port names it, of whichever make
// (Apache Kafka 4.3.1, Dohle). Without it nothing is tested.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"
#include "lib/env/sleep.h"
#include "lib/kafka/client/admin.h"
#include "lib/kafka/client/kafka_status.h"

namespace dohle {
namespace {

using kafka::ErrorCode;
using kafka::client::KafkaError;

env::Task<void> Pause() { co_await env::Sleep(absl::Milliseconds(50)); }

TEST(LiveTest, TopicsConfigsOffsetsAndGroups) {
  const char* bootstrap = std::getenv("DOHLE_TEST_BOOTSTRAP");
  if (bootstrap == nullptr) GTEST_SKIP() << "DOHLE_TEST_BOOTSTRAP isn't set";
  env::PosixEnv::Options posix_options;
  posix_options.event_loops = 1;
  posix_options.own_process = false;
  env::PosixEnv posix(posix_options);
  posix.Start();
  env::Env& env = posix.env();
  env::Executor& executor = *env.executors.front();
  auto servers = kafka::client::ParseBootstrapServers(bootstrap);
  ASSERT_TRUE(servers.ok()) << servers.status();
  kafka::client::ClusterClient client(env.transport, executor, *servers, {});
  kafka::client::Admin admin(client);
  const auto run = [&executor](auto task) { return env::RunAndWait(executor, std::move(task)); };

  const auto view = run(admin.DescribeCluster());
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_FALSE(view->cluster_id.empty());
  const std::string name = fmt::format("live-{}", ToString(env.random.NextUuid()));

  std::vector<kafka::client::NewTopic> topics = {{name, 2, 1, {{"retention.ms", "1000000"}}},
                                                 {name + "-wide", 1, 99, {}}};
  const auto made = run(admin.CreateTopics(topics));
  ASSERT_TRUE(made[0].ok()) << made[0].status();
  EXPECT_EQ(KafkaError(made[1].status()), ErrorCode::kInvalidReplicationFactor);
  std::vector<kafka::client::TopicGrowth> growth = {{name, 3, 1}};
  EXPECT_TRUE(run(admin.CreatePartitions(growth))[0].ok());
  growth = {{name, 1, 1}};
  EXPECT_EQ(KafkaError(run(admin.CreatePartitions(growth))[0]), ErrorCode::kInvalidPartitions);
  std::vector<kafka::client::TopicConfigChange> changes = {
      {name, {{"retention.ms", std::nullopt}, {"segment.ms", "5000"}}}};
  EXPECT_TRUE(run(admin.AlterTopicConfigs(changes))[0].ok());
  std::vector<std::string> names = {name};
  // A broker hears of what the controller did a moment later.
  const kafka::client::TopicConfigs expected = {{"segment.ms", "5000"}};
  auto configs = run(admin.DescribeTopicConfigs(names));
  auto described = run(admin.DescribeTopics(names));
  for (int i = 0; i < 100; ++i) {
    if (configs[0].ok() && *configs[0] == expected && described[0].ok() &&
        described[0]->partitions.size() == 3) {
      break;
    }
    env::RunAndWait(executor, Pause());
    configs = run(admin.DescribeTopicConfigs(names));
    described = run(admin.DescribeTopics(names));
  }
  ASSERT_TRUE(configs[0].ok()) << configs[0].status();
  EXPECT_EQ(*configs[0], expected);
  ASSERT_TRUE(described[0].ok()) << described[0].status();
  EXPECT_EQ(described[0]->id, *made[0]);
  ASSERT_EQ(described[0]->partitions.size(), 3u);
  std::vector<kafka::client::LeaderOfPartition> partitions;
  for (const auto& partition : described[0]->partitions) {
    partitions.push_back({name, partition.index, partition.leader});
  }
  for (const auto& end : run(admin.LatestOffsets(partitions))) EXPECT_EQ(end.value_or(-1), 0) << end.status();
  const auto dirs = run(admin.DescribeLogDirs());
  EXPECT_TRUE(dirs.status.ok()) << dirs.status;
  EXPECT_FALSE(dirs.dirs.empty());
  const auto groups = run(admin.ListGroups());
  EXPECT_TRUE(groups.status.ok()) << groups.status;

  std::vector<TopicId> ids = {*made[0]};
  EXPECT_TRUE(run(admin.DeleteTopics(ids))[0].ok());
  EXPECT_EQ(run(admin.DeleteTopics(ids))[0].code(), StatusCode::kNotFound);
  posix.Stop();
}

}  // namespace
}  // namespace dohle
