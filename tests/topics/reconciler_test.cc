// The reconciler of topics against a real broker and a real API store, with faults at every call. What it
// must hold: whatever happens on the way, in the end the topics are as the Topics ask for, and nothing was
// done or told twice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/base/log.h"
#include "lib/env/posix/test_seed.h"
#include "tests/topics/world.h"

namespace dohle::sim {
namespace {

class ReconcilerTest : public testing::Test {
 protected:
  ReconcilerTest() { log::SetLevel(log::Level::kError); }

  bool ReadySoon(const std::string& name, absl::Duration limit = absl::Seconds(60)) {
    return world_.RunUntil([&] { return world_.Ready(name); }, limit);
  }
  bool GoneSoon(const std::string& name, absl::Duration limit = absl::Seconds(60)) {
    return world_.RunUntil([&] { return !world_.Find(name); }, limit);
  }
  bool ReasonSoon(const std::string& name, std::string_view reason,
                  absl::Duration limit = absl::Seconds(60)) {
    return world_.RunUntil([&] { return world_.Reason(name) == reason; }, limit);
  }
  kafka::client::TopicConfigs ConfigsOf(const std::string& topic) {
    std::vector<std::string> names = {topic};
    const auto configs = world_.Do(world_.admin().DescribeTopicConfigs(names));
    EXPECT_TRUE(configs[0].ok()) << configs[0].status();
    return configs[0].ok() ? *configs[0] : kafka::client::TopicConfigs();
  }

  TopicsWorld world_{2};
};

TEST_F(ReconcilerTest, ATopicComesGrowsChangesAndGoes) {
  world_.StartOperator();
  world_.Apply("orders", 2, {{"retention.ms", "1000"}});
  ASSERT_TRUE(ReadySoon("orders", absl::Seconds(2)));
  auto topics = *world_.Topics();
  ASSERT_TRUE(topics.contains("orders"));
  auto topic = *world_.Find("orders");
  EXPECT_EQ(topic.status.topic_id, ToString(topics["orders"].id));
  EXPECT_EQ(topic.status.partitions, 2);
  EXPECT_EQ(topic.status.replicas, 1);
  EXPECT_TRUE(topic.meta.HasFinalizer(reconcile::kTopicFinalizer));

  world_.Apply("orders", 4, {{"retention.ms", "2000"}, {"cleanup.policy", "compact"}});
  ASSERT_TRUE(ReadySoon("orders", absl::Seconds(2)));
  EXPECT_EQ(world_.Topics()->at("orders").partitions.size(), 4u);
  EXPECT_EQ(ConfigsOf("orders"),
            (kafka::client::TopicConfigs{{"cleanup.policy", "compact"}, {"retention.ms", "2000"}}));

  world_.Remove("orders");
  ASSERT_TRUE(GoneSoon("orders", absl::Seconds(2)));
  EXPECT_TRUE(world_.Topics()->empty());
  EXPECT_EQ(
      world_.events.Text(),
      "default/orders TopicCreated: Topic orders is created with 2 partitions.\n"
      "default/orders ConfigChanged: The configuration of topic orders is changed: cleanup.policy=compact, "
      "retention.ms=2000.\n"
      "default/orders PartitionsGrown: Topic orders grows from 2 to 4 partitions.\n"
      "default/orders TopicDeleted: Topic orders is deleted.\n");
}

TEST_F(ReconcilerTest, WhatChangesNothingWritesNothing) {
  for (int i = 0; i < 20; ++i) world_.Apply(fmt::format("t{}", i), 1);
  world_.StartOperator();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(ReadySoon(fmt::format("t{}", i)));
  EXPECT_EQ(world_.api->writes(), 40) << "for each its finalizer and its status";
  world_.RunFor(absl::Minutes(5));
  EXPECT_EQ(world_.api->writes(), 40);
  world_.StopOperator();
  world_.StartOperator();
  world_.RunFor(absl::Minutes(2));
  EXPECT_EQ(world_.api->writes(), 40) << "a new life sees what the one before it did";
  EXPECT_EQ(world_.events.lines.size(), 20u) << world_.events.Text();
}

TEST_F(ReconcilerTest, WhatSomebodyElseDidIsMendedAndToldOnce) {
  world_.StartOperator();
  world_.Apply("orders", 2, {{"retention.ms", "1000"}});
  ASSERT_TRUE(ReadySoon("orders"));
  std::vector<kafka::client::TopicConfigChange> changes = {
      {"orders", {{"retention.ms", "5"}, {"segment.ms", "7000"}}}};
  ASSERT_TRUE(world_.Do(world_.admin().AlterTopicConfigs(changes))[0].ok());
  world_.RunFor(absl::Seconds(70));
  EXPECT_EQ(ConfigsOf("orders"), (kafka::client::TopicConfigs{{"retention.ms", "1000"}}));
  EXPECT_EQ(world_.events.Count("ConfigDriftMended"), 1) << world_.events.Text();

  std::vector<kafka::client::TopicGrowth> growth = {{"orders", 3, 1}};
  ASSERT_TRUE(world_.Do(world_.admin().CreatePartitions(growth))[0].ok());
  ASSERT_TRUE(ReasonSoon("orders", "MorePartitionsThanAsked"));
  EXPECT_TRUE(world_.Ready("orders"));

  const TopicId before = world_.Topics()->at("orders").id;
  std::vector<TopicId> ids = {before};
  ASSERT_TRUE(world_.Do(world_.admin().DeleteTopics(ids))[0].ok());
  world_.RunFor(absl::Seconds(70));
  ASSERT_TRUE(world_.Topics()->contains("orders"));
  EXPECT_NE(world_.Topics()->at("orders").id, before);
  EXPECT_EQ(world_.Find("orders")->status.topic_id, ToString(world_.Topics()->at("orders").id));
  EXPECT_EQ(world_.events.Count("TopicRecreated"), 1) << world_.events.Text();
}

TEST_F(ReconcilerTest, WhatStaysStays) {
  world_.StartOperator();
  world_.Apply("orders", 1, {}, "Retain");
  ASSERT_TRUE(ReadySoon("orders"));
  EXPECT_FALSE(world_.Find("orders")->meta.HasFinalizer(reconcile::kTopicFinalizer));
  world_.Remove("orders");
  ASSERT_TRUE(GoneSoon("orders", absl::Seconds(1)));
  world_.RunFor(absl::Seconds(60));
  EXPECT_TRUE(world_.Topics()->contains("orders"));
  EXPECT_EQ(world_.events.Count("TopicRetained"), 1);
  world_.Apply("orders", 1);
  ASSERT_TRUE(ReadySoon("orders"));
  EXPECT_EQ(world_.events.Count("TopicAdopted"), 1) << world_.events.Text();
}

TEST_F(ReconcilerTest, AClusterThatIsNotThereYet) {
  world_.kafka.state = reconcile::KafkaCluster::State::kNotFound;
  world_.StartOperator();
  world_.Apply("orders", 1);
  ASSERT_TRUE(ReasonSoon("orders", "ClusterNotFound", absl::Seconds(1)));
  world_.kafka.state = reconcile::KafkaCluster::State::kNotReady;
  ASSERT_TRUE(ReasonSoon("orders", "ClusterNotReady", absl::Seconds(1)));
  world_.kafka.state = reconcile::KafkaCluster::State::kReady;
  ASSERT_TRUE(ReadySoon("orders", absl::Seconds(2)));
  world_.kafka.state = reconcile::KafkaCluster::State::kDeleting;
  ASSERT_TRUE(ReasonSoon("orders", "ClusterNotFound", absl::Seconds(1)));
  world_.Remove("orders");
  EXPECT_TRUE(GoneSoon("orders", absl::Seconds(2))) << "it holds nothing up";
}

TEST_F(ReconcilerTest, ATopicGoesThoughNobodyAnswers) {
  world_.StartOperator();
  world_.Apply("orders", 1);
  ASSERT_TRUE(ReadySoon("orders"));
  world_.kafka.bootstrap = "nowhere:9092";
  world_.Remove("orders");
  EXPECT_TRUE(ReasonSoon("orders", "Deleting", absl::Seconds(10)));
  EXPECT_TRUE(GoneSoon("orders", absl::Seconds(40)));
  EXPECT_EQ(world_.events.Count("TopicLeftBehind"), 1) << world_.events.Text();
}

TEST_F(ReconcilerTest, ABrokerThatDoesNotAnswerIsToldOf) {
  world_.StartOperator();
  world_.Apply("orders", 1);
  ASSERT_TRUE(ReadySoon("orders"));
  world_.kafka.bootstrap = "nowhere:9092";
  world_.Apply("new", 1);
  EXPECT_TRUE(ReasonSoon("new", "BrokerUnreachable", absl::Seconds(15)));
  EXPECT_EQ(world_.Reason("orders"), "Ready") << "it waits before it says so";
  EXPECT_TRUE(ReasonSoon("orders", "BrokerUnreachable", absl::Seconds(60)));
  world_.kafka.bootstrap = "broker-1:9092";
  EXPECT_TRUE(ReadySoon("orders", absl::Seconds(10)));
  EXPECT_TRUE(ReadySoon("new", absl::Seconds(10)));
}

TEST_F(ReconcilerTest, KafkasRefusalIsToldInItsWordsAndOver) {
  world_.StartOperator();
  world_.Apply("orders", 1, {{"retention.ms", "-7"}});
  ASSERT_TRUE(ReasonSoon("orders", "KafkaError"));
  const auto refused = *world_.Find("orders");
  EXPECT_NE(api::FindCondition(refused.status.conditions, "Ready")->message.find("INVALID_CONFIG: "),
            std::string::npos);
  world_.RunFor(absl::Minutes(3));
  EXPECT_EQ(world_.events.Count("KafkaError"), 1) << world_.events.Text();
  world_.Apply("orders", 1, {{"retention.ms", "7"}});
  EXPECT_TRUE(ReadySoon("orders", absl::Seconds(2)));
}

// --- many Topics

TEST(ManyTopicsTest, ConvergeFromNothing) {
  const char* asked = std::getenv("DOHLE_TOPICS");
  const int n = asked == nullptr ? 1000 : std::atoi(asked);
  TopicsWorld world(3);
  for (int i = 0; i < n; ++i) world.Apply(fmt::format("t{:05}", i), 1, {{"retention.ms", "100000"}});
  world.StartOperator();
  const std::string last = fmt::format("t{:05}", n - 1);
  EXPECT_TRUE(world.RunUntil([&] { return world.Ready(last); }, absl::Seconds(60)));
  world.RunFor(absl::Seconds(5));
  EXPECT_EQ(world.api->writes(), 2 * n);
  const auto topics = world.Topics();
  ASSERT_TRUE(topics.ok()) << topics.status();
  EXPECT_EQ(topics->size(), static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) EXPECT_TRUE(world.Ready(fmt::format("t{:05}", i))) << i;
}

// --- faults

class FaultsTest : public testing::TestWithParam<uint64_t> {};

struct Wish {
  int partitions = 1;
  std::string retention_ms;
};

// A user, a broker that crashes, an API server that fails, reads that are old, an operator that is restarted.
TEST_P(FaultsTest, ConvergesAndActsOnce) {
  log::SetLevel(log::Level::kError);
  const uint64_t seed = GetParam();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  TopicsWorld world(seed);
  env::Xoshiro random(seed);
  world.SetFaults(random.Below(30));
  world.stale_reads = random.Chance(0.7);
  const bool restarts = random.Chance(0.3);
  world.StartOperator();
  std::map<std::string, Wish> wishes;
  for (int step = 0; step < 60; ++step) {
    const std::string name = fmt::format("t{}", random.Below(8));
    const uint64_t choice = random.Below(10);
    const auto there = world.Find(name);
    if (choice < 6) {
      if (there && there->meta.deleting()) continue;
      Wish& wish = wishes[name];
      wish.partitions += static_cast<int>(random.Below(2));
      wish.retention_ms = fmt::format("{}", 1'000'000 + step);
      world.Apply(name, wish.partitions, {{"retention.ms", wish.retention_ms}});
    } else if (choice < 8) {
      if (!there || there->meta.deleting()) continue;
      world.Remove(name);
      wishes.erase(name);
    } else if (choice == 8) {
      world.CrashBroker(absl::Milliseconds(static_cast<int64_t>(random.Below(3000))));
    } else if (restarts) {
      world.StopOperator();
      world.StartOperator();
    }
    world.RunFor(absl::Milliseconds(static_cast<int64_t>(random.Below(1500))));
  }
  world.SetFaults(0);
  world.stale_reads = false;
  EXPECT_TRUE(world.RunUntil(
      [&] {
        for (int i = 0; i < 8; ++i) {
          const std::string name = fmt::format("t{}", i);
          if (wishes.contains(name) ? !world.Ready(name) : world.Find(name).has_value()) return false;
        }
        return true;
      },
      absl::Minutes(3)));
  const auto topics = world.Topics();
  ASSERT_TRUE(topics.ok()) << topics.status();
  std::vector<std::string> expected, found;
  for (const auto& [name, wish] : wishes) expected.push_back(fmt::format("{}/{}", name, wish.partitions));
  for (const auto& [name, topic] : *topics)
    found.push_back(fmt::format("{}/{}", name, topic.partitions.size()));
  EXPECT_EQ(found, expected) << world.events.Text();
  for (const auto& [name, wish] : wishes) {
    std::vector<std::string> names = {name};
    const auto configs = world.Do(world.admin().DescribeTopicConfigs(names));
    ASSERT_TRUE(configs[0].ok()) << configs[0].status();
    EXPECT_EQ(*configs[0], (kafka::client::TopicConfigs{{"retention.ms", wish.retention_ms}})) << name;
  }
  // Nobody else was there: nothing was mended, taken over or left behind.
  for (const char* reason : {"TopicRecreated", "TopicReplaced", "TopicAdopted", "ConfigDriftMended",
                             "TopicLeftBehind", "TopicHandedOver"}) {
    if (restarts && std::string_view(reason) == "TopicAdopted") continue;  // it can't know any more
    EXPECT_EQ(world.events.Count(reason), 0) << reason << "\n" << world.events.Text();
  }
  for (const auto& [key, times] : world.events.counts) {
    if (restarts || (key.second != "TopicCreated" && key.second != "TopicDeleted")) continue;
    EXPECT_EQ(times, 1) << key.second << "\n" << world.events.Text();
  }
  world.StopOperator();
}

// DOHLE_SIM_SEEDS=n runs n of them, counted from DOHLE_SIM_FIRST.
uint64_t FromEnvironment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}
const uint64_t kFirst = FromEnvironment("DOHLE_SIM_FIRST", 1);
constexpr uint64_t kSeedsOfEveryDay = 20;

INSTANTIATE_TEST_SUITE_P(Seeds, FaultsTest,
                         testing::Range<uint64_t>(kFirst, kFirst + FromEnvironment("DOHLE_SIM_SEEDS",
                                                                                   kSeedsOfEveryDay)),
                         [](const auto& seed) { return fmt::format("seed_{}", seed.param); });

}  // namespace
}  // namespace dohle::sim
