// The controller over a log in memory and virtual time: when it is active, and what it does of itself.
#include "broker/controller/controller.h"
#include "broker/controller/elections.h"
#include "broker/controller/test_cluster.h"
#include "lib/env/sim/sim_world.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"
#include "lib/kafka/messages/incremental_alter_configs_request.h"
#include "lib/kafka/messages/incremental_alter_configs_response.h"

namespace dohle::controller {
namespace {

using metadata::PartitionRegistration;
using testing::FakeMetadataLog;
using testing::Ids;
using testing::TestCluster;

class ActiveControllerTest : public ::testing::Test {
 protected:
  ActiveControllerTest() : node_(world_.AddNode("node")), log(cluster) {
    cluster.config.incarnation_id = Uuid(4, 2);
    cluster.config.endpoints = {{"CONTROLLER", "localhost", 9093, 0}};
    (void)node_.env().file_system.CreateDirectories("/data");
    cluster.config.log_dir = "/data";
  }
  void Make() {
    controller_ = std::make_unique<Controller>(cluster.config, log, cluster.validator, node_.env());
  }
  void Begin() {
    Make();
    const Status active = Await(controller().Activate(log.Lead()));
    ASSERT_TRUE(active.ok()) << active;
    log.batches.clear();
  }
  Controller& controller() { return *controller_; }

  template <typename T>
  T Await(env::Task<T> task) {
    std::optional<T> result;
    const auto run = [](env::Task<T> inner, std::optional<T>* out) -> env::Task<void> {
      *out = co_await std::move(inner);
    };
    env::Spawn(*node_.env().executors[0], run(std::move(task), &result));
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(60)));
    return *std::move(result);
  }
  void Sleep(int64_t ms) { world_.RunFor(absl::Milliseconds(ms)); }
  int64_t DoDueWork() {
    const auto wait = Await(controller().DoDueWork());
    EXPECT_TRUE(wait.ok()) << wait.status();
    return absl::ToInt64Milliseconds(*wait);
  }
  kafka::BrokerHeartbeatResponse Heartbeat(int broker, bool want_shut_down = false) {
    kafka::BrokerHeartbeatRequest request;
    request.broker_id = broker;
    request.broker_epoch = cluster.image().cluster.Broker(NodeId(broker))->epoch.value();
    request.current_metadata_offset = (cluster.next_offset - 1).value();
    request.want_shut_down = want_shut_down;
    request.cordoned_log_dirs.reset();
    auto response = Await(controller().BrokerHeartbeat(request));
    EXPECT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->error_code, 0);
    return *response;
  }
  bool Fenced(int broker) const { return cluster.image().cluster.Broker(NodeId(broker))->fenced; }

 private:
  env::SimWorld world_{7};
  env::SimNode& node_;
  std::unique_ptr<Controller> controller_;

 protected:
  TestCluster cluster;
  FakeMetadataLog log;
};

TEST_F(ActiveControllerTest, ServesOnlyInTheEpochThatItWasActivatedFor) {
  Make();
  const kafka::CreateTopicsRequest request;
  EXPECT_FALSE(controller().is_active());
  EXPECT_TRUE(absl::IsUnavailable(Await(controller().CreateTopics(request)).status()));
  const LeaderEpoch first = log.Lead();
  // Elected, but not active yet.
  EXPECT_TRUE(absl::IsUnavailable(Await(controller().CreateTopics(request)).status()));
  EXPECT_TRUE(Await(controller().Activate(first)).ok());
  EXPECT_TRUE(controller().is_active());
  EXPECT_TRUE(Await(controller().CreateTopics(request)).ok());
  controller().Resign();
  EXPECT_FALSE(controller().is_active());
  EXPECT_TRUE(absl::IsUnavailable(Await(controller().CreateTopics(request)).status()));
  EXPECT_TRUE(absl::IsUnavailable(Await(controller().DoDueWork()).status()));

  log.LoseLeadership();
  const LeaderEpoch second = log.Lead();
  EXPECT_TRUE(absl::IsUnavailable(Await(controller().Activate(first))));
  EXPECT_FALSE(controller().is_active());
  EXPECT_TRUE(Await(controller().Activate(second)).ok());
  EXPECT_TRUE(Await(controller().CreateTopics(request)).ok());
  // Elected once more before anybody said so.
  log.Lead();
  EXPECT_TRUE(absl::IsUnavailable(Await(controller().CreateTopics(request)).status()));
}

TEST_F(ActiveControllerTest, RegistersItselfWhereTheImageLacksIt) {
  Make();
  ASSERT_TRUE(controller().RegistrationFor(cluster.image()).has_value());
  EXPECT_EQ(controller().RegistrationFor(cluster.image())->listeners.at(0).port, 9093);
  ASSERT_TRUE(Await(controller().Activate(log.Lead())).ok());
  EXPECT_EQ(log.batches, (std::vector<size_t>{1}));
  EXPECT_EQ(cluster.image().cluster.controllers.Find(NodeId(100))->incarnation_id, Uuid(4, 2));
  EXPECT_FALSE(controller().RegistrationFor(cluster.image()).has_value());
  // It is there already.
  ASSERT_TRUE(Await(controller().Activate(log.Lead())).ok());
  EXPECT_EQ(log.batches, (std::vector<size_t>{1}));
  // Another incarnation of it.
  cluster.config.incarnation_id = Uuid(4, 3);
  Make();
  ASSERT_TRUE(Await(controller().Activate(log.Lead())).ok());
  EXPECT_EQ(log.batches, (std::vector<size_t>{1, 1}));
}

TEST_F(ActiveControllerTest, RegistersItselfWhenTheMetadataVersionAllowsIt) {
  TestCluster old(14, /*elr=*/false);
  FakeMetadataLog old_log(old);
  env::SimWorld world(1);
  env::SimNode& node = world.AddNode("node");
  Controller one(cluster.config, old_log, old.validator, node.env());
  EXPECT_FALSE(one.RegistrationFor(old.image()).has_value());
  Make();
  cluster.SetFeature(metadata::kMetadataVersion, 14);
  ASSERT_TRUE(Await(controller().Activate(log.Lead())).ok());
  DoDueWork();
  EXPECT_TRUE(log.batches.empty());
  cluster.SetFeature(metadata::kMetadataVersion, 15);
  DoDueWork();
  EXPECT_EQ(log.batches, (std::vector<size_t>{1}));
}

TEST_F(ActiveControllerTest, WritesTheBootstrapRecordsOfANewCluster) {
  cluster.SetFeature(metadata::kMetadataVersion, 0);
  cluster.SetFeature(metadata::kElrVersion, 0);
  (void)cluster.Publish();
  FakeMetadataLog empty(cluster);
  env::SimWorld world(1);
  env::SimNode& node = world.AddNode("node");
  Controller one(cluster.config, empty, cluster.validator, node.env());
  std::optional<Status> active;
  const auto run = [](env::Task<Status> inner, std::optional<Status>* out) -> env::Task<void> {
    *out = co_await std::move(inner);
  };
  env::Spawn(*node.env().executors[0], run(one.Activate(empty.Lead()), &active));
  ASSERT_TRUE(world.RunUntil([&] { return active.has_value(); }, absl::Seconds(1)));
  ASSERT_TRUE(active->ok()) << *active;
  EXPECT_EQ(cluster.image().features.metadata_version(), metadata::kLatestMetadataVersion);
  EXPECT_TRUE(cluster.image().cluster.controllers.Contains(NodeId(100)));
  EXPECT_EQ(empty.batches.size(), 2u);
}

TEST_F(ActiveControllerTest, FencesWhoIsNotHeard) {
  cluster.AddBrokers({1, 2, 3});
  cluster.AddTopic("demo", {Ids({1, 2, 3}), Ids({2, 3, 1})});
  Begin();
  EXPECT_EQ(DoDueWork(), 9000);  // a new controller gives everybody time
  Sleep(4000);
  for (const int broker : {2, 3}) Heartbeat(broker);
  EXPECT_EQ(DoDueWork(), 5000);
  Sleep(4999);
  EXPECT_EQ(DoDueWork(), 1);
  EXPECT_FALSE(Fenced(1));
  Sleep(1);
  EXPECT_EQ(DoDueWork(), 4000);
  EXPECT_TRUE(Fenced(1));
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(2));
  Sleep(4000);
  DoDueWork();
  EXPECT_TRUE(Fenced(2));
  EXPECT_TRUE(Fenced(3));
  // One at a time: the last one that was in sync is the only one that may lead again.
  EXPECT_EQ(cluster.Partition("demo", 0).elr.size(), 1u);
}

TEST_F(ActiveControllerTest, FencesADeadBrokerAtOnce) {
  cluster.AddBrokers({1, 2});
  cluster.AddTopic("demo", {Ids({1, 2})});
  Begin();
  ASSERT_TRUE(Await(controller().FenceBroker(NodeId(1), BrokerEpoch(9))).ok());
  ASSERT_TRUE(Await(controller().FenceBroker(NodeId(8), BrokerEpoch(9))).ok());
  EXPECT_TRUE(log.batches.empty());
  ASSERT_TRUE(Await(controller().FenceBroker(NodeId(1), BrokerEpoch(10))).ok());
  EXPECT_TRUE(Fenced(1));
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(2));
  EXPECT_EQ(log.batches, (std::vector<size_t>{2}));
  ASSERT_TRUE(Await(controller().FenceBroker(NodeId(1), BrokerEpoch(10))).ok());
  EXPECT_EQ(log.batches.size(), 1u);
  // It wasn't dead after all.
  EXPECT_FALSE(Heartbeat(1).is_fenced);
  EXPECT_FALSE(Fenced(1));
}

TEST_F(ActiveControllerTest, ARestartAfterAShutdownNeedNotWait) {
  cluster.AddBrokers({1, 2});
  Begin();
  Heartbeat(1);
  kafka::BrokerRegistrationRequest request;
  request.broker_id = 1;
  request.cluster_id = "4L6g3nShT-eMCtK--X86sw";
  request.incarnation_id = Uuid(1, 1);
  request.log_dirs = {TestCluster::DirectoryOf(1)};
  request.rack.reset();
  for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
    auto& feature = request.features.emplace_back();
    feature.name = std::string(name);
    feature.min_supported_version = range.min;
    feature.max_supported_version = range.max;
  }
  auto registered = Await(controller().RegisterBroker(request));
  EXPECT_EQ(registered->error_code, kafka::ToCode(ErrorCode::kDuplicateBrokerRegistration));
  EXPECT_TRUE(Heartbeat(1, /*want_shut_down=*/true).should_shut_down);
  registered = Await(controller().RegisterBroker(request));
  EXPECT_EQ(registered->error_code, 0);
}

TEST_F(ActiveControllerTest, BalancesLeadersFromTimeToTime) {
  cluster.config.leader_imbalance_check_interval_ms = 5000;
  cluster.AddBrokers({1, 2});
  cluster.AddTopic("demo", {Ids({1, 2})});
  Begin();
  PartitionRegistration partition = cluster.Partition("demo");
  partition.leader = NodeId(2);
  cluster.SetPartition("demo", 0, partition);
  EXPECT_EQ(DoDueWork(), 5000);
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(2));
  Sleep(5000);
  EXPECT_EQ(DoDueWork(), 4000);
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(1));
}

TEST_F(ActiveControllerTest, BalancesNothingIfToldSo) {
  cluster.config.leader_imbalance_check_interval_ms = 5000;
  cluster.config.auto_leader_rebalance = false;
  cluster.AddBrokers({1, 2});
  cluster.AddTopic("demo", {Ids({1, 2})});
  Begin();
  PartitionRegistration partition = cluster.Partition("demo");
  partition.leader = NodeId(2);
  cluster.SetPartition("demo", 0, partition);
  Sleep(6000);
  EXPECT_EQ(DoDueWork(), 3000);
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(2));
}

TEST_F(ActiveControllerTest, AllowingUncleanElectionsHoldsThemAtOnce) {
  cluster.AddBrokers({1, 2});
  cluster.AddBroker(3, /*fenced=*/true);
  cluster.AddTopic("demo", {Ids({3, 1})});
  PartitionRegistration partition = cluster.Partition("demo");
  partition.leader = kNoNode;
  partition.isr = {};
  partition.elr = Ids({3});
  cluster.SetPartition("demo", 0, partition);
  Begin();
  kafka::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<int8_t>(metadata::ConfigResourceType::kTopic);
  resource.resource_name = "demo";
  auto& config = resource.configs.emplace_back();
  config.name = "unclean.leader.election.enable";
  config.value = kafka::Text("true");
  ASSERT_TRUE(Await(controller().IncrementalAlterConfigs(request)).ok());
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(1));
}

TEST_F(ActiveControllerTest, UncleanElectionsAreLookedForFromTimeToTime) {
  cluster.config.unclean_leader_election_interval_ms = 3000;
  cluster.config.unclean_leader_election = true;
  cluster.AddBrokers({1});
  cluster.AddTopic("demo", {Ids({1})});
  PartitionRegistration partition = cluster.Partition("demo");
  partition.leader = kNoNode;
  partition.isr = {};
  cluster.SetPartition("demo", 0, partition);
  Begin();
  EXPECT_EQ(DoDueWork(), 3000);
  Sleep(3000);
  DoDueWork();
  EXPECT_EQ(cluster.Partition("demo").leader, NodeId(1));
}

TEST_F(ActiveControllerTest, ABrokerIsUnfencedByTheNextControllerOnlyWhenItHasReadItsRegistration) {
  cluster.AddBroker(1, /*fenced=*/true);
  metadata::BrokerRegistration broker = *cluster.image().cluster.Broker(NodeId(1));
  broker.epoch = BrokerEpoch(cluster.next_offset.value());
  cluster.Set(broker);
  (void)cluster.Publish();
  Begin();
  kafka::BrokerHeartbeatRequest request;
  request.broker_id = 1;
  request.broker_epoch = broker.epoch.value();
  request.current_metadata_offset = broker.epoch.value() - 1;
  request.cordoned_log_dirs.reset();
  EXPECT_TRUE(Await(controller().BrokerHeartbeat(request))->is_fenced);
  ++request.current_metadata_offset;
  EXPECT_FALSE(Await(controller().BrokerHeartbeat(request))->is_fenced);
}

TEST_F(ActiveControllerTest, WhatIsTooMuchForABatchIsRefused) {
  cluster.AddBrokers({1});
  cluster.AddTopic("demo", {Ids({1})});
  Begin();
  kafka::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<int8_t>(metadata::ConfigResourceType::kTopic);
  resource.resource_name = "demo";
  for (int i = 0; i < 300; ++i) {
    auto& config = resource.configs.emplace_back();
    config.name = "key." + std::to_string(i);
    config.value = kafka::Text(std::string(32'000, 'x'));
  }
  const auto refused = Await(controller().IncrementalAlterConfigs(request));
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(log.batches.empty());
  resource.configs.resize(200);
  EXPECT_TRUE(Await(controller().IncrementalAlterConfigs(request)).ok());
  EXPECT_EQ(log.batches, (std::vector<size_t>{200}));
}

// ---- more than one batch

class ManyPartitionsTest : public ActiveControllerTest {
 protected:
  static constexpr size_t kPartitions = 2 * kMaxRecordsPerBatch + 5;

  void SetUp() override {
    cluster.AddBrokers({1, 2});
    cluster.AddTopic("many", std::vector<metadata::Replicas>(kPartitions, Ids({1, 2})));
    (void)cluster.Publish();
    Begin();
  }
  size_t CountLedBy(int broker) const {
    size_t count = 0;
    for (const auto& [index, partition] : cluster.image().topics.Find("many")->partitions) {
      if (partition.leader == NodeId(broker)) ++count;
    }
    return count;
  }
};

TEST_F(ManyPartitionsTest, FencingTakesSeveralBatches) {
  ASSERT_TRUE(Await(controller().FenceBroker(NodeId(1), BrokerEpoch(10))).ok());
  EXPECT_EQ(log.batches, (std::vector<size_t>{kMaxRecordsPerBatch, kMaxRecordsPerBatch, 6}));
  EXPECT_TRUE(Fenced(1));
  EXPECT_EQ(CountLedBy(2), kPartitions);
  // And the way back: the last one in sync leads everything again.
  ASSERT_TRUE(Await(controller().FenceBroker(NodeId(2), BrokerEpoch(20))).ok());
  EXPECT_EQ(CountLedBy(-1), kPartitions);
  EXPECT_FALSE(Heartbeat(2).is_fenced);
  EXPECT_EQ(CountLedBy(2), kPartitions);
}

TEST_F(ManyPartitionsTest, AControlledShutdownTakesSeveralBatches) {
  Heartbeat(2);
  EXPECT_FALSE(Heartbeat(1, /*want_shut_down=*/true).should_shut_down);
  EXPECT_EQ(CountLedBy(2), kPartitions);
  EXPECT_LE(*std::max_element(log.batches.begin(), log.batches.end()), kMaxRecordsPerBatch);
  EXPECT_FALSE(Fenced(1));
  EXPECT_FALSE(Heartbeat(1, /*want_shut_down=*/true).should_shut_down);
  Heartbeat(2);
  EXPECT_TRUE(Heartbeat(1, /*want_shut_down=*/true).should_shut_down);
  EXPECT_TRUE(Fenced(1));
}

}  // namespace
}  // namespace dohle::controller
