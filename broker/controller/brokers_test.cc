#include "broker/controller/brokers.h"

#include "broker/controller/directories.h"
#include "broker/controller/elections.h"
#include "broker/controller/placement.h"
#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using metadata::LeaderRecoveryState;
using metadata::PartitionRegistration;
using testing::Ids;
using testing::TestCluster;

constexpr int64_t kSessionMs = 9000;

kafka::BrokerRegistrationRequest Registration(int broker, uint64_t incarnation, int64_t previous_epoch) {
  kafka::BrokerRegistrationRequest request;
  request.broker_id = broker;
  request.cluster_id = "4L6g3nShT-eMCtK--X86sw";
  request.incarnation_id = Uuid(9, incarnation);
  for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
    auto& feature = request.features.emplace_back();
    feature.name = std::string(name);
    feature.min_supported_version = range.min;
    feature.max_supported_version = range.max;
  }
  request.rack.reset();
  request.log_dirs = {TestCluster::DirectoryOf(broker)};
  request.previous_broker_epoch = previous_epoch;
  return request;
}

// Brokers 1, 2 and 3 with «demo» on all of them, led by 1, 2 and 3 in turn.
class BrokersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster.AddBrokers({1, 2, 3});
    cluster.AddTopic("demo", {Ids({1, 2, 3}), Ids({2, 3, 1}), Ids({3, 1, 2})});
    heartbeats.Reset(cluster.image(), 0);
  }

  kafka::BrokerHeartbeatRequest Request(int broker) const {
    kafka::BrokerHeartbeatRequest request;
    request.broker_id = broker;
    request.broker_epoch = cluster.image().cluster.Broker(NodeId(broker))->epoch.value();
    request.current_metadata_offset = (cluster.next_offset - 1).value();
    request.cordoned_log_dirs.emplace();
    return request;
  }
  // Decides and does what Controller does with it.
  HeartbeatDecision Heartbeat(const kafka::BrokerHeartbeatRequest& request) {
    HeartbeatDecision decided = DecideHeartbeat(cluster.Context(), heartbeats, kNoOffset, request);
    const NodeId broker(request.broker_id);
    heartbeats.Touch(broker, request.current_metadata_offset, cluster.now_ms);
    cluster.Replay(decided.records);
    if (decided.moves_leaders) heartbeats.MovedLeaders(broker, cluster.next_offset - 1);
    return decided;
  }
  ErrorCode Register(const kafka::BrokerRegistrationRequest& request) {
    auto decision = RegisterBroker(cluster.Context(), heartbeats, request);
    EXPECT_FALSE(decision.more);
    cluster.Replay(decision.records);
    return kafka::ErrorFromCode(decision.response.error_code);
  }
  void Fence(int broker) {
    RecordList records;
    EXPECT_TRUE(FenceBroker(cluster.Context(), NodeId(broker), &records));
    cluster.Replay(records);
  }
  const metadata::BrokerRegistration& Broker(int id) const {
    return *cluster.image().cluster.Broker(NodeId(id));
  }

  TestCluster cluster;
  BrokerHeartbeats heartbeats{kSessionMs};
};

TEST_F(BrokersTest, AFencedBrokerLeadsNothingAndIsInNoIsr) {
  Fence(1);
  EXPECT_TRUE(Broker(1).fenced);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(2));
  EXPECT_EQ(cluster.Partition("demo", 0).leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(cluster.Partition("demo", 1).leader, NodeId(2));
  EXPECT_EQ(cluster.Partition("demo", 1).leader_epoch, LeaderEpoch(0));
  EXPECT_EQ(cluster.Partition("demo", 2).isr, Ids({3, 2}));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(cluster.Partition("demo", i).InIsr(NodeId(1)));
}

TEST_F(BrokersTest, TheLastInSyncReplicaStaysEligible) {
  cluster.AddTopic("alone", {Ids({1})});
  Fence(1);
  EXPECT_EQ(cluster.Partition("alone").leader, kNoNode);
  EXPECT_TRUE(cluster.Partition("alone").isr.empty());
  EXPECT_EQ(cluster.Partition("alone").elr, Ids({1}));
  EXPECT_EQ(cluster.Partition("alone").last_known_elr, Ids({1}));
  // Back again: its partition has a leader with the same heartbeat.
  const HeartbeatDecision decided = Heartbeat(Request(1));
  EXPECT_FALSE(decided.response.is_fenced);
  EXPECT_FALSE(decided.leaderless_left);
  EXPECT_EQ(cluster.Partition("alone").leader, NodeId(1));
  EXPECT_EQ(cluster.Partition("alone").isr, Ids({1}));
  EXPECT_TRUE(cluster.Partition("alone").elr.empty());
  EXPECT_TRUE(cluster.Partition("alone").last_known_elr.empty());
  EXPECT_EQ(cluster.Partition("alone").leader_recovery_state, LeaderRecoveryState::kRecovered);
  // Leaders that others have taken over stay there.
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(2));
}

TEST_F(BrokersTest, WithoutElrTheLastInSyncReplicaStaysInTheIsr) {
  cluster.SetFeature(metadata::kElrVersion, 0);
  cluster.AddTopic("alone", {Ids({1, 2})});
  Fence(1);
  Fence(2);
  EXPECT_EQ(cluster.Partition("alone").leader, kNoNode);
  EXPECT_EQ(cluster.Partition("alone").isr, Ids({2}));
  Heartbeat(Request(1));
  EXPECT_EQ(cluster.Partition("alone").leader, kNoNode);
  Heartbeat(Request(2));
  EXPECT_EQ(cluster.Partition("alone").leader, NodeId(2));
}

TEST_F(BrokersTest, AnUncleanElectionTakesWhoeverIsThere) {
  cluster.SetConfig(metadata::ConfigResourceType::kTopic, "demo", "unclean.leader.election.enable", "true");
  PartitionRegistration partition = cluster.Partition("demo", 0);
  partition.isr = Ids({1});
  cluster.SetPartition("demo", 0, partition);
  Fence(1);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(2));
  EXPECT_EQ(cluster.Partition("demo", 0).isr, Ids({2}));
  EXPECT_EQ(cluster.Partition("demo", 0).leader_recovery_state, LeaderRecoveryState::kRecovering);
}

TEST_F(BrokersTest, IsUnfencedWhenItHasReadItsRegistration) {
  Fence(1);
  kafka::BrokerHeartbeatRequest request = Request(1);
  request.cordoned_log_dirs.reset();
  const Offset registered(request.current_metadata_offset + 1);
  HeartbeatDecision decided = DecideHeartbeat(cluster.Context(), heartbeats, registered, request);
  EXPECT_TRUE(decided.response.is_fenced);
  EXPECT_FALSE(decided.response.is_caught_up);
  EXPECT_TRUE(decided.records.empty());
  ++request.current_metadata_offset;
  decided = DecideHeartbeat(cluster.Context(), heartbeats, registered, request);
  EXPECT_FALSE(decided.response.is_fenced);
  EXPECT_TRUE(decided.response.is_caught_up);
  request.want_fence = true;
  EXPECT_TRUE(DecideHeartbeat(cluster.Context(), heartbeats, registered, request).response.is_fenced);
  request.broker_epoch = 11;
  EXPECT_EQ(DecideHeartbeat(cluster.Context(), heartbeats, registered, request).response.error_code,
            kafka::ToCode(ErrorCode::kStaleBrokerEpoch));
}

TEST_F(BrokersTest, LeadersMoveAwayBeforeABrokerShutsDown) {
  kafka::BrokerHeartbeatRequest request = Request(1);
  request.want_shut_down = true;
  EXPECT_FALSE(Heartbeat(request).response.should_shut_down);
  EXPECT_TRUE(Broker(1).in_controlled_shutdown);
  EXPECT_FALSE(Broker(1).fenced);
  EXPECT_FALSE(LeadsAny(cluster.image(), NodeId(1)));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(cluster.Partition("demo", i).InIsr(NodeId(1)));
  // Until the others know of it.
  const int64_t moved = (cluster.next_offset - 1).value();
  heartbeats.Touch(NodeId(2), moved, 0);
  heartbeats.Touch(NodeId(3), moved - 1, 0);
  HeartbeatDecision decided = Heartbeat(request);
  EXPECT_FALSE(decided.response.should_shut_down);
  EXPECT_TRUE(decided.records.empty());
  heartbeats.Touch(NodeId(3), moved, 0);
  EXPECT_TRUE(Heartbeat(request).response.should_shut_down);
  EXPECT_TRUE(Broker(1).fenced);
}

TEST_F(BrokersTest, WhoLeadsNothingShutsDownAtOnce) {
  cluster.AddBroker(4);
  kafka::BrokerHeartbeatRequest request = Request(4);
  request.want_shut_down = true;
  EXPECT_TRUE(Heartbeat(request).response.should_shut_down);
  EXPECT_TRUE(Broker(4).fenced);
}

TEST_F(BrokersTest, AFailedDirectoryTakesItsReplicasOut) {
  cluster.AddBroker(4, /*fenced=*/false, std::nullopt, /*dirs=*/2);
  cluster.AddTopic("two", {Ids({4, 1}), Ids({4, 1})});
  PartitionRegistration second = cluster.Partition("two", 1);
  second.directories[0] = TestCluster::DirectoryOf(4, 1);
  cluster.SetPartition("two", 1, second);
  kafka::BrokerHeartbeatRequest request = Request(4);
  request.offline_log_dirs = {TestCluster::DirectoryOf(4, 1)};
  EXPECT_FALSE(Heartbeat(request).response.is_fenced);
  EXPECT_EQ(Broker(4).log_dirs, (std::vector<DirectoryId>{TestCluster::DirectoryOf(4, 0)}));
  EXPECT_EQ(cluster.Partition("two", 0).leader, NodeId(4));
  EXPECT_EQ(cluster.Partition("two", 1).leader, NodeId(1));
  EXPECT_EQ(cluster.Partition("two", 1).isr, Ids({1}));
  EXPECT_TRUE(Heartbeat(request).records.empty());
}

TEST_F(BrokersTest, CordonedDirectoriesAreRecorded) {
  kafka::BrokerHeartbeatRequest request = Request(1);
  request.cordoned_log_dirs->push_back(TestCluster::DirectoryOf(1));
  EXPECT_EQ(Heartbeat(request).records.size(), 1u);
  EXPECT_EQ(Broker(1).cordoned_log_dirs, (std::vector<DirectoryId>{TestCluster::DirectoryOf(1)}));
  EXPECT_TRUE(Heartbeat(request).records.empty());
  const UsableBroker usable = UsableBrokers(cluster.image()).at(0);
  EXPECT_EQ(usable.id, NodeId(2));  // no new replicas for broker 1
  TestCluster old(29);
  old.AddBroker(1);
  EXPECT_TRUE(DecideHeartbeat(old.Context(), heartbeats, kNoOffset, request).records.empty());
}

TEST_F(BrokersTest, AnIdBelongsToWhoWasHeardOfIt) {
  heartbeats.Touch(NodeId(1), 0, 0);
  cluster.now_ms = kSessionMs - 1;
  EXPECT_EQ(Register(Registration(1, 77, -1)), ErrorCode::kDuplicateBrokerRegistration);
  EXPECT_EQ(Register(Registration(1, 1, -1)), ErrorCode::kNone);  // the same incarnation
  EXPECT_EQ(Broker(1).epoch, BrokerEpoch(10));
  EXPECT_FALSE(Broker(1).fenced);
  cluster.now_ms = kSessionMs;
  EXPECT_EQ(Register(Registration(1, 77, -1)), ErrorCode::kNone);
  EXPECT_GT(Broker(1).epoch, BrokerEpoch(10));
  EXPECT_TRUE(Broker(1).fenced);
  // It was told to shut down, or is known to be dead: nobody has to wait.
  heartbeats.Touch(NodeId(2), 0, cluster.now_ms);
  EXPECT_EQ(Register(Registration(2, 78, 20)), ErrorCode::kDuplicateBrokerRegistration);
  heartbeats.EndSession(NodeId(2));
  EXPECT_EQ(Register(Registration(2, 78, 20)), ErrorCode::kNone);
}

TEST_F(BrokersTest, RefusesRegistrationsThatDontFit) {
  auto request = Registration(4, 4, -1);
  request.cluster_id = "another";
  EXPECT_EQ(Register(request), ErrorCode::kInconsistentClusterId);
  request = Registration(4, 4, -1);
  request.log_dirs = {TestCluster::DirectoryOf(1)};
  EXPECT_EQ(Register(request), ErrorCode::kInvalidRegistration);
  request = Registration(4, 4, -1);
  for (auto& feature : request.features) {
    if (feature.name.view() == metadata::kMetadataVersion) feature.max_supported_version = 29;
  }
  EXPECT_EQ(Register(request), ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(cluster.image().cluster.Broker(NodeId(4)), nullptr);
  EXPECT_EQ(Register(Registration(4, 4, -1)), ErrorCode::kNone);
}

TEST_F(BrokersTest, WhoStoppedUncleanlyIsNotEligibleAnyMore) {
  cluster.AddTopic("alone", {Ids({1, 2})});
  Fence(2);
  Fence(1);
  ASSERT_EQ(cluster.Partition("alone").elr, Ids({1}));
  ASSERT_EQ(cluster.Partition("alone").last_known_elr, Ids({1}));
  heartbeats.EndSession(NodeId(1));
  // It kept its epoch over the stop: nothing was lost.
  EXPECT_EQ(Register(Registration(1, 77, 10)), ErrorCode::kNone);
  EXPECT_EQ(cluster.Partition("alone").elr, Ids({1}));
  EXPECT_EQ(Register(Registration(1, 78, -1)), ErrorCode::kNone);
  EXPECT_TRUE(cluster.Partition("alone").elr.empty());
  // As the last known leader it still is the best there is, and has to recover.
  Heartbeat(Request(1));
  EXPECT_EQ(cluster.Partition("alone").leader, NodeId(1));
  EXPECT_EQ(cluster.Partition("alone").leader_recovery_state, LeaderRecoveryState::kRecovering);
}

TEST_F(BrokersTest, TheLastKnownLeaderLeadsOnceItSaysWhereItsReplicaLies) {
  cluster.AddTopic("alone", {Ids({1})});
  Fence(1);
  heartbeats.EndSession(NodeId(1));
  auto registration = Registration(1, 77, -1);
  registration.log_dirs = {TestCluster::DirectoryOf(1, 5)};
  EXPECT_EQ(Register(registration), ErrorCode::kNone);
  Heartbeat(Request(1));
  ASSERT_FALSE(Broker(1).fenced);
  EXPECT_EQ(cluster.Partition("alone").leader, kNoNode) << "its replica is known to be elsewhere";
  kafka::AssignReplicasToDirsRequest request;
  request.broker_id = 1;
  request.broker_epoch = Broker(1).epoch.value();
  auto& directory = request.directories.emplace_back();
  directory.id = TestCluster::DirectoryOf(1, 5);
  auto& topic = directory.topics.emplace_back();
  topic.topic_id = cluster.image().topics.Find("alone")->id;
  topic.partitions.emplace_back().partition_index = 0;
  const auto decided = AssignReplicasToDirs(cluster.Context(), request);
  ASSERT_EQ(decided.response.error_code, 0);
  cluster.Replay(decided.records);
  EXPECT_EQ(cluster.Partition("alone").leader, NodeId(1));
  EXPECT_EQ(cluster.Partition("alone").leader_recovery_state, LeaderRecoveryState::kRecovering);
}

TEST_F(BrokersTest, AnUncleanRestartOfAnUnfencedBrokerCostsItItsLeaders) {
  cluster.now_ms = kSessionMs;
  EXPECT_EQ(Register(Registration(1, 77, -1)), ErrorCode::kNone);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(2));
  EXPECT_EQ(cluster.Partition("demo", 0).isr, Ids({2, 3}));
  EXPECT_TRUE(Broker(1).fenced);
}

TEST_F(BrokersTest, AnUnregisteredBrokerIsGone) {
  auto decision = UnregisterBroker(cluster.Context(), NodeId(1));
  EXPECT_EQ(decision.response.error_code, 0);
  cluster.Replay(decision.records);
  EXPECT_EQ(cluster.image().cluster.Broker(NodeId(1)), nullptr);
  EXPECT_EQ(cluster.Partition("demo", 0).leader, NodeId(2));
  decision = UnregisterBroker(cluster.Context(), NodeId(1));
  EXPECT_EQ(decision.response.error_code, kafka::ToCode(ErrorCode::kBrokerIdNotRegistered));
  EXPECT_EQ(decision.response.error_message->view(), "Broker ID 1 is not currently registered");
}

TEST_F(BrokersTest, KnowsWhoBecomesStaleAndWhen) {
  EXPECT_EQ(heartbeats.NextStaleMs(cluster.image()), kSessionMs);
  heartbeats.Touch(NodeId(1), 0, 100);
  heartbeats.Touch(NodeId(2), 0, 200);
  heartbeats.Touch(NodeId(3), 0, 300);
  EXPECT_EQ(heartbeats.NextStaleMs(cluster.image()), kSessionMs + 100);
  EXPECT_TRUE(heartbeats.Stale(cluster.image(), kSessionMs + 99).empty());
  EXPECT_EQ(heartbeats.Stale(cluster.image(), kSessionMs + 100), (std::vector<NodeId>{NodeId(1)}));
  Fence(1);
  EXPECT_TRUE(heartbeats.Stale(cluster.image(), kSessionMs + 100).empty());
  EXPECT_EQ(heartbeats.NextStaleMs(cluster.image()), kSessionMs + 200);
}

}  // namespace
}  // namespace dohle::controller
