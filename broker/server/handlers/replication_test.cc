// Produce, Fetch, ListOffsets and DeleteRecords on a partition that has followers.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/metadata/fake_metadata_log.h"
#include "broker/replica/partition_registry.h"
#include "broker/server/error_mapping.h"
#include "broker/server/fetch_session.h"
#include "broker/server/handlers/delete_records.h"
#include "broker/server/handlers/fetch.h"
#include "broker/server/handlers/list_offsets.h"
#include "broker/server/handlers/produce.h"
#include "broker/server/live_config.h"
#include "broker/server/replication_context.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "broker/server/topic_metrics.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_world.h"
#include "lib/kafka/messages/delete_records_request.h"
#include "lib/kafka/messages/delete_records_response.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/list_offsets_request.h"
#include "lib/kafka/messages/list_offsets_response.h"
#include "lib/kafka/messages/produce_request.h"
#include "lib/kafka/messages/produce_response.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;
using kafka::ProduceRequest;
using kafka::ProduceResponse;

const TopicId kTopic(1, 2);
constexpr NodeId kNode(1);

// A request on its way: what it was, and its answer once there is one.
template <typename Request, typename Response>
struct Call {
  Request request;
  std::string frame;
  std::unique_ptr<RequestContext> context;
  std::optional<Response> response;
};

class ReplicationHandlersTest : public ::testing::Test {
 protected:
  ReplicationHandlersTest()
      : world_(1),
        node_(world_.AddNode("node-1")),
        env_(node_.env()),
        live_config_(*LoadBrokerConfig(
            {{"replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"}})),
        sessions_(2, env_.clock, env_.random),
        server_metrics_(registry_),
        topic_metrics_(server_metrics_),
        context_(MakeReplicationContext(env_, live_config_.started_with().config, metadata_log_.cache(),
                                        server_metrics_)),
        services_{env_,
                  kNode,
                  "cluster",
                  live_config_.started_with().config,
                  live_config_,
                  RequestLimits(),
                  metadata_log_.cache(),
                  metadata_log_,
                  Unused<controller::Controller>(),
                  Unused<ControllerChannel>(),
                  Unused<FailureDetector>(),
                  Unused<DepartedBrokers>(),
                  Unused<SuspectedBrokers>(),
                  partitions_,
                  Unused<replica::ReplicaSet>(),
                  Unused<coordinator::GroupCoordinator>(),
                  Unused<ProducerIdAllocator>(),
                  sessions_,
                  server_metrics_,
                  topic_metrics_,
                  waiting_} {
    connection_.listener_name = "PLAINTEXT";
    for (const int32_t id : {1, 2, 3}) AddBroker(id);
    AddPartition();
    Elect(kNode, {1, 2, 3}, 0, 0);
  }
  ~ReplicationHandlersTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  template <typename T>
  T& Unused() {
    return *static_cast<T*>(static_cast<void*>(&unused_));
  }

  void AddBroker(int32_t id) {
    metadata::BrokerRegistration broker;
    broker.id = NodeId(id);
    broker.epoch = BrokerEpoch(100 + id);
    broker.fenced = false;
    broker.rack = "rack-" + std::to_string(id);
    broker.endpoints.push_back({"PLAINTEXT", "host-" + std::to_string(id), 9092, 0});
    image_.cluster.brokers.Set(broker.id, broker);
  }

  void AddPartition() {
    storage::LogOpenOptions options;
    options.file_system = &env_.file_system;
    options.directory = "/data/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<const storage::LogConfig>();
    EXPECT_TRUE(env_.file_system.CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.topic_id = kTopic;
    loaded.log = *storage::Log::Open(options);
    partition_ = std::make_shared<replica::Partition>(kNode, std::move(loaded), Offset(0), env_.blocking_pool,
                                                      storage::FlushTimes{}, nullptr, &context_);
    partitions_.Add({partition_});
  }

  // What the controller decides, in the metadata and at the partition.
  void Elect(NodeId leader, std::vector<int32_t> in_sync, int32_t leader_epoch, int32_t partition_epoch) {
    metadata::PartitionRegistration registration;
    replica::Leadership leadership;
    registration.leader = leadership.leader = leader;
    registration.leader_epoch = leadership.leader_epoch = LeaderEpoch(leader_epoch);
    registration.partition_epoch = leadership.partition_epoch = PartitionEpoch(partition_epoch);
    for (const int32_t id : {1, 2, 3}) registration.replicas.push_back(NodeId(id));
    for (const int32_t id : in_sync) registration.isr.push_back(NodeId(id));
    leadership.replicas.assign(registration.replicas.begin(), registration.replicas.end());
    leadership.in_sync_replicas.assign(registration.isr.begin(), registration.isr.end());
    metadata::TopicImage topic;
    topic.name = "t";
    topic.id = kTopic;
    topic.partitions.Set(PartitionIndex(0), registration);
    image_.topics.ids.Set("t", kTopic);
    image_.topics.by_id.Set(kTopic, topic);
    metadata_log_.SetImage(std::make_shared<const metadata::MetadataImage>(image_));
    bool done = false;
    env::Spawn(*env_.executors.front(), Take(partition_, std::move(leadership), &done));
    EXPECT_TRUE(world_.RunUntil([&] { return done; }, absl::Seconds(10)));
  }
  static env::Task<void> Take(std::shared_ptr<replica::Partition> partition, replica::Leadership leadership,
                              bool* done) {
    const auto taken = co_await partition->SetLeadership(std::move(leadership));
    *done = taken.ok();
  }

  template <typename Handler, typename Request = typename Handler::Request,
            typename Response = typename Handler::Response>
  std::shared_ptr<Call<Request, Response>> Begin(std::shared_ptr<Call<Request, Response>> call,
                                                 int16_t version) {
    const std::span<char> frame(call->frame.data(), call->frame.size());
    call->context = std::make_unique<RequestContext>(services_, connection_, frame, env_.clock.Now());
    call->context->api_version = version;
    env::Spawn(*env_.executors.front(), Answer<Handler, Request, Response>(call));
    return call;
  }
  template <typename Handler, typename Request, typename Response>
  static env::Task<void> Answer(std::shared_ptr<Call<Request, Response>> call) {
    call->response.emplace(co_await Handler::Handle(*call->context, call->request));
  }

  using ProduceCall = Call<ProduceRequest, ProduceResponse>;
  std::shared_ptr<ProduceCall> Produce(int records, int16_t acks = -1, int32_t timeout_ms = 30'000,
                                       int16_t version = 12) {
    auto call = std::make_shared<ProduceCall>();
    call->frame = storage::testing::SimpleBatch(records, env_.clock.WallTimeMs());
    call->request.acks = acks;
    call->request.timeout_ms = timeout_ms;
    auto& topic = call->request.topic_data.emplace_back();
    topic.name = kafka::Text::Copy("t");
    topic.topic_id = kTopic;
    auto& partition = topic.partition_data.emplace_back();
    partition.records.emplace(std::string_view(call->frame));
    return Begin<ProduceHandler>(std::move(call), version);
  }
  static const auto& Only(const ProduceCall& call) {
    return call.response->responses.front().partition_responses.front();
  }

  using FetchCall = Call<FetchRequest, FetchResponse>;
  std::shared_ptr<FetchCall> NewFetch(int64_t offset, int32_t max_wait_ms = 0) {
    auto call = std::make_shared<FetchCall>();
    call->request.max_wait_ms = max_wait_ms;
    call->request.min_bytes = 1;
    call->request.max_bytes = 1 << 20;
    auto& topic = call->request.topics.emplace_back();
    topic.topic_id = kTopic;
    auto& partition = topic.partitions.emplace_back();
    partition.fetch_offset = offset;
    partition.log_start_offset = 0;
    partition.partition_max_bytes = 1 << 20;
    return call;
  }
  std::shared_ptr<FetchCall> NewFollowerFetch(int32_t follower, int64_t offset, int32_t max_wait_ms = 0) {
    auto call = NewFetch(offset, max_wait_ms);
    call->request.replica_state.replica_id = follower;
    call->request.replica_state.replica_epoch = 100 + follower;
    call->request.topics.front().partitions.front().current_leader_epoch = 0;
    return call;
  }
  std::shared_ptr<FetchCall> Fetch(std::shared_ptr<FetchCall> call, int16_t version = 17) {
    Begin<FetchHandler>(call, version);
    Settle();
    return call;
  }
  static const auto& Only(const FetchCall& call) {
    return call.response->responses.front().partitions.front();
  }

  void Settle() { world_.RunFor(absl::Milliseconds(50)); }

  env::SimWorld world_;
  env::SimNode& node_;
  env::Env& env_;
  alignas(64) char unused_[64] = {};
  LiveConfig live_config_;
  metadata::FakeMetadataLog metadata_log_;
  metadata::MetadataImage image_;
  replica::PartitionRegistry partitions_;
  FetchSessionCache sessions_;
  metrics::Registry registry_;
  ServerMetrics server_metrics_;
  TopicMetricsTable topic_metrics_;
  WaitingRequests waiting_;
  replica::ReplicationContext context_;
  Services services_;
  ConnectionInfo connection_;
  std::shared_ptr<replica::Partition> partition_;
};

TEST_F(ReplicationHandlersTest, ProducesOfOneConnectionWaitForReplicasTogether) {
  auto first = Produce(1);
  Settle();
  EXPECT_FALSE(first->response);
  EXPECT_TRUE(first->context->next_allowed()) << "the next request may be appended behind it";
  auto second = Produce(2);
  Settle();
  EXPECT_FALSE(second->response);
  EXPECT_TRUE(second->context->next_allowed());
  Fetch(NewFollowerFetch(2, 3));
  EXPECT_FALSE(first->response);
  Fetch(NewFollowerFetch(3, 3));
  ASSERT_TRUE(first->response && second->response) << "one fetch answers both";
  EXPECT_EQ(Only(*first).error_code, 0);
  EXPECT_EQ(Only(*first).base_offset, 0);
  EXPECT_EQ(Only(*second).error_code, 0);
  EXPECT_EQ(Only(*second).base_offset, 1);
}

TEST_F(ReplicationHandlersTest, AcksOneWaitsForNobody) {
  auto call = Produce(1, 1);
  Settle();
  ASSERT_TRUE(call->response);
  EXPECT_EQ(Only(*call).error_code, 0);
}

TEST_F(ReplicationHandlersTest, AProduceThatTakesTooLongSaysWhereItsRecordsAre) {
  auto call = Produce(1, -1, 2000);
  world_.RunFor(absl::Seconds(3));
  ASSERT_TRUE(call->response);
  EXPECT_EQ(Only(*call).error_code, Code(ErrorCode::kRequestTimedOut));
  EXPECT_EQ(Only(*call).base_offset, 0);
}

TEST_F(ReplicationHandlersTest, ALostLeadIsToldWithTheNewLeadersAddress) {
  auto waiting = Produce(1);
  Settle();
  Elect(NodeId(2), {2, 3}, 1, 1);
  Settle();
  ASSERT_TRUE(waiting->response);
  auto later = Produce(1);
  auto fetch = Fetch(NewFollowerFetch(3, 0));
  ASSERT_TRUE(later->response && fetch->response);
  for (const auto& call : {waiting, later}) {
    EXPECT_EQ(Only(*call).error_code, Code(ErrorCode::kNotLeaderOrFollower));
    EXPECT_EQ(Only(*call).current_leader.leader_id, 2);
    EXPECT_EQ(Only(*call).current_leader.leader_epoch, 1);
    ASSERT_EQ(call->response->node_endpoints.size(), 1u);
    EXPECT_EQ(call->response->node_endpoints.front().host.view(), "host-2");
  }
  EXPECT_EQ(Only(*fetch).error_code, Code(ErrorCode::kFencedLeaderEpoch));
  EXPECT_EQ(Only(*fetch).current_leader.leader_id, 2);
  ASSERT_EQ(fetch->response->node_endpoints.size(), 1u);
  EXPECT_EQ(fetch->response->node_endpoints.front().port, 9092);
}

TEST_F(ReplicationHandlersTest, AnIsrBelowTheMinimumRefusesAcksAll) {
  auto config = std::make_shared<storage::LogConfig>();
  config->min_in_sync_replicas = 2;
  bool done = false;
  env::Spawn(*env_.executors.front(),
             [](std::shared_ptr<replica::Partition> partition, std::shared_ptr<const storage::LogConfig> to,
                bool* end) -> env::Task<void> {
               co_await partition->SetConfig(std::move(to));
               *end = true;
             }(partition_, config, &done));
  Elect(kNode, {1}, 0, 1);
  auto all = Produce(1);
  auto one = Produce(1, 1);
  Settle();
  ASSERT_TRUE(done && all->response && one->response);
  EXPECT_EQ(Only(*all).error_code, Code(ErrorCode::kNotEnoughReplicas));
  EXPECT_EQ(Only(*one).error_code, 0);
  EXPECT_EQ(Only(*one).base_offset, 0) << "the refused one wasn't appended";
}

TEST_F(ReplicationHandlersTest, AFollowersLongPollEndsWithTheNextAppend) {
  auto fetch = Fetch(NewFollowerFetch(2, 0, 10'000));
  EXPECT_FALSE(fetch->response);
  Produce(1);
  Settle();
  ASSERT_TRUE(fetch->response);
  EXPECT_TRUE(Only(*fetch).records && Only(*fetch).records->size() > 0);
  EXPECT_EQ(Only(*fetch).high_watermark, 0);
  auto consumer = Fetch(NewFetch(0, 10'000));
  EXPECT_FALSE(consumer->response);
  Fetch(NewFollowerFetch(2, 1));
  Fetch(NewFollowerFetch(3, 1));
  ASSERT_TRUE(consumer->response);
  EXPECT_EQ(Only(*consumer).high_watermark, 1);
}

TEST_F(ReplicationHandlersTest, AFollowerThatSaysWhichHighWatermarkItKnowsHearsOfANewerOne) {
  Produce(1, 1);
  Fetch(NewFollowerFetch(3, 1));
  auto call = NewFollowerFetch(2, 1, 10'000);
  call->request.topics.front().partitions.front().high_watermark = 0;
  Fetch(call, 18);
  ASSERT_TRUE(call->response);
  EXPECT_EQ(Only(*call).high_watermark, 1);
  auto again = NewFollowerFetch(2, 1, 10'000);
  again->request.topics.front().partitions.front().high_watermark = 1;
  Fetch(again, 18);
  EXPECT_FALSE(again->response);
}

TEST_F(ReplicationHandlersTest, FollowersFetchInSessions) {
  Produce(1, 1);
  auto open = NewFollowerFetch(2, 0);
  open->request.session_epoch = 0;
  Fetch(open);
  ASSERT_TRUE(open->response);
  const int32_t session = open->response->session_id;
  ASSERT_NE(session, 0);
  // Nothing but the position has changed, and the answer has nothing to say.
  auto next = NewFollowerFetch(2, 1);
  next->request.session_id = session;
  next->request.session_epoch = 1;
  Fetch(next);
  Fetch(NewFollowerFetch(3, 1));
  auto empty = std::make_shared<FetchCall>();
  empty->request = next->request;
  empty->request.topics.clear();
  empty->request.session_epoch = 2;
  Fetch(empty);
  ASSERT_TRUE(empty->response);
  ASSERT_EQ(empty->response->responses.size(), 1u) << "the high watermark is news";
  EXPECT_EQ(Only(*empty).high_watermark, 1);
}

TEST_F(ReplicationHandlersTest, AFollowerFindsRoomForItsSession) {
  for (int i = 0; i < 2; ++i) {
    auto consumer = NewFetch(0);
    consumer->request.session_epoch = 0;
    Fetch(consumer);
    EXPECT_NE(consumer->response->session_id, 0);
  }
  auto third = NewFetch(0);
  third->request.session_epoch = 0;
  Fetch(third);
  EXPECT_EQ(third->response->session_id, 0);
  auto follower = NewFollowerFetch(2, 0);
  follower->request.session_epoch = 0;
  Fetch(follower);
  EXPECT_NE(follower->response->session_id, 0);
}

TEST_F(ReplicationHandlersTest, AConsumerIsSentToTheReplicaInItsRack) {
  Produce(1, 1);
  Fetch(NewFollowerFetch(2, 1));
  Fetch(NewFollowerFetch(3, 0));
  const auto from_rack = [&](const std::string& rack) {
    auto call = NewFetch(1, 10'000);
    call->request.rack_id = kafka::Text::Copy(rack);
    return Fetch(std::move(call));
  };
  auto near = from_rack("rack-2");
  ASSERT_TRUE(near->response) << "at once";
  EXPECT_EQ(Only(*near).preferred_read_replica, 2);
  EXPECT_EQ(Only(*near).error_code, 0);
  EXPECT_FALSE(from_rack("rack-3")->response) << "it doesn't have the offset";
  EXPECT_FALSE(from_rack("rack-1")->response) << "the leader";
  EXPECT_FALSE(from_rack("")->response);
}

TEST_F(ReplicationHandlersTest, CountsWhatFollowersFetchApart) {
  Produce(5, 1);
  Fetch(NewFollowerFetch(2, 0));
  const std::string text = registry_.Collect(0);
  EXPECT_NE(text.find("kafka_server_brokertopicmetrics_replicationbytesout_total "), std::string::npos);
  EXPECT_EQ(text.find("kafka_server_brokertopicmetrics_replicationbytesout_total 0\n"), std::string::npos);
  EXPECT_NE(text.find("kafka_server_brokertopicmetrics_bytesout_total 0\n"), std::string::npos) << text;
}

TEST_F(ReplicationHandlersTest, ANewLeaderDoesNotGuessTheEnd) {
  Produce(3, 1);
  Settle();
  Elect(NodeId(2), {1, 2, 3}, 1, 1);
  Elect(kNode, {1, 2, 3}, 2, 2);
  const auto list = [&](int64_t timestamp) {
    auto call = std::make_shared<Call<kafka::ListOffsetsRequest, kafka::ListOffsetsResponse>>();
    call->request.replica_id = -1;
    auto& topic = call->request.topics.emplace_back();
    topic.name = kafka::Text::Copy("t");
    topic.partitions.emplace_back().timestamp = timestamp;
    Begin<ListOffsetsHandler>(call, 7);
    Settle();
    return call->response->topics.front().partitions.front();
  };
  EXPECT_EQ(list(-1).error_code, Code(ErrorCode::kOffsetNotAvailable));
  EXPECT_EQ(list(-2).offset, 0);
  for (const int32_t follower : {2, 3}) {
    auto fetch = NewFollowerFetch(follower, 3);
    fetch->request.topics.front().partitions.front().current_leader_epoch = 2;
    Fetch(fetch);
  }
  EXPECT_EQ(list(-1).offset, 3);
}

TEST_F(ReplicationHandlersTest, DeletedRecordsAreGoneEverywhereOrItIsSaidThatTheyAreNot) {
  Produce(3, 1);
  Settle();
  for (const int32_t follower : {2, 3}) Fetch(NewFollowerFetch(follower, 3));
  const auto remove = [&](int64_t offset, int32_t timeout_ms) {
    auto call = std::make_shared<Call<kafka::DeleteRecordsRequest, kafka::DeleteRecordsResponse>>();
    call->request.timeout_ms = timeout_ms;
    auto& topic = call->request.topics.emplace_back();
    topic.name = kafka::Text::Copy("t");
    topic.partitions.emplace_back().offset = offset;
    return Begin<DeleteRecordsHandler>(call, 2);
  };
  auto call = remove(2, 1000);
  world_.RunFor(absl::Seconds(2));
  ASSERT_TRUE(call->response);
  EXPECT_EQ(call->response->topics.front().partitions.front().error_code, Code(ErrorCode::kRequestTimedOut));
  auto again = remove(2, 30'000);
  Settle();
  EXPECT_FALSE(again->response);
  for (const int32_t follower : {2, 3}) {
    auto fetch = NewFollowerFetch(follower, 3);
    fetch->request.topics.front().partitions.front().log_start_offset = 2;
    Fetch(fetch);
  }
  ASSERT_TRUE(again->response);
  EXPECT_EQ(again->response->topics.front().partitions.front().low_watermark, 2);
}

}  // namespace
}  // namespace dohle::server
