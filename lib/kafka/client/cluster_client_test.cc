#include "lib/kafka/client/cluster_client.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/env/for_each_bounded.h"
#include "lib/env/sim/sim_world.h"
#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/client/test_broker.h"
#include "lib/kafka/messages/find_coordinator_request.h"
#include "lib/kafka/messages/find_coordinator_response.h"
#include "lib/kafka/messages/heartbeat_request.h"
#include "lib/kafka/messages/heartbeat_response.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"

namespace dohle::kafka::client {
namespace {

using Result = std::optional<StatusOr<int>>;

TEST(ParseBootstrapServersTest, TakesWhatKafkaTakes) {
  const auto parsed = ParseBootstrapServers("a:1, b.c:9092,[::1]:2,");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  std::vector<std::string> texts;
  for (const env::Endpoint& endpoint : *parsed) texts.push_back(env::ToString(endpoint));
  EXPECT_EQ(texts, (std::vector<std::string>{"a:1", "b.c:9092", "[::1]:2"}));
  for (const char* wrong : {"", ",", "a", "a:", ":1", "a:0", "a:65536", "a:1x", "a:1,b"}) {
    EXPECT_FALSE(ParseBootstrapServers(wrong).ok()) << wrong;
  }
}

TEST(KafkaStatusTest, CarriesKafkasErrorAndWords) {
  EXPECT_TRUE(StatusFromKafka(0).ok());
  const Status status = StatusFromKafka(37, "Topic already has 3 partitions.");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Message(status), "INVALID_PARTITIONS: Topic already has 3 partitions.");
  EXPECT_EQ(KafkaError(status), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(KafkaError(MakeStatus(StatusCode::kUnavailable, "gone")), std::nullopt);
  EXPECT_EQ(StatusFromKafka(16).code(), StatusCode::kUnavailable);
}

// Two brokers, of which the second is the controller and coordinates all groups. Each answers a Heartbeat
// with its id as the error.
class ClusterClientTest : public testing::Test {
 protected:
  ClusterClientTest() {
    world_.network().set_pieces(false);
    for (int i = 0; i < 2; ++i) StartBroker(i);
    ClusterClientOptions options;
    options.connection.client_id = "test";
    options.connection.connect_timeout = absl::Seconds(2);
    options.connection.request_timeout = absl::Seconds(5);
    options.max_in_flight = 3;
    client_ = std::make_unique<ClusterClient>(node_.env().transport, executor(),
                                              *ParseBootstrapServers("broker-0:9092,broker-1:9092"), options);
  }
  ~ClusterClientTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  void StartBroker(int i) {
    if (!nodes_[i]->running()) nodes_[i]->Restart();
    brokers_[i] = std::make_unique<TestBroker>(*nodes_[i], 9092);
    brokers_[i]->On<MetadataRequest, MetadataResponse>([](const MetadataRequest& request, int16_t) {
      EXPECT_TRUE(request.topics && request.topics->empty());
      MetadataResponse response;
      for (int id = 0; id < 2; ++id) {
        auto& broker = response.brokers.emplace_back();
        broker.node_id = id;
        broker.host = id == 0 ? "broker-0" : "broker-1";
        broker.port = 9092;
      }
      response.controller_id = 1;
      response.cluster_id = "cluster";
      return std::optional(response);
    });
    brokers_[i]->On<HeartbeatRequest, HeartbeatResponse>([i](const HeartbeatRequest&, int16_t) {
      HeartbeatResponse response;
      response.error_code = static_cast<int16_t>(i);
      return std::optional(response);
    });
    brokers_[i]->On<FindCoordinatorRequest, FindCoordinatorResponse>(
        [](const FindCoordinatorRequest& request, int16_t) {
          FindCoordinatorResponse response;
          for (const Text& key : request.coordinator_keys) {
            auto& coordinator = response.coordinators.emplace_back();
            coordinator.key = Text::Copy(key);
            coordinator.node_id = 1;
            if (key.view() == "lost") coordinator.error_code = 15;
          }
          return std::optional(response);
        });
  }
  void StopBroker(int i) {
    nodes_[i]->Crash(env::SimNode::Death::kProcess);
    brokers_[i].reset();
  }

  static env::Task<void> Beat(ClusterClient* client, Route route, VersionRange versions, Result* result) {
    HeartbeatRequest request;
    auto answer = co_await client->Call<HeartbeatResponse>(std::move(route), std::move(request), versions);
    if (answer.ok()) {
      result->emplace(answer->message.error_code);
    } else {
      result->emplace(answer.status());
    }
  }
  StatusOr<int> Ask(Route route, VersionRange versions = HeartbeatRequest::kVersions) {
    Result result;
    env::Spawn(executor(), Beat(client_.get(), std::move(route), versions, &result));
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(20)));
    return result ? *result : MakeStatus(StatusCode::kUnknown, "no answer");
  }
  env::Executor& executor() { return *node_.env().executors.front(); }

  env::SimWorld world_{11};
  std::array<env::SimNode*, 2> nodes_{&world_.AddNode("broker-0"), &world_.AddNode("broker-1")};
  env::SimNode& node_ = world_.AddNode("client");
  std::array<std::unique_ptr<TestBroker>, 2> brokers_;
  std::unique_ptr<ClusterClient> client_;
};

TEST_F(ClusterClientTest, BringsRequestsWhereTheyBelong) {
  EXPECT_EQ(*Ask(Route::Controller()), 1);
  EXPECT_EQ(*Ask(Route::Broker(NodeId(0))), 0);
  EXPECT_EQ(*Ask(Route::Coordinator("g")), 1);
  EXPECT_EQ(Ask(Route::Coordinator("lost")).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(Ask(Route::Broker(NodeId(7))).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(Ask(Route::Any()).ok());
  EXPECT_EQ(brokers_[0]->connections, 1);
  EXPECT_EQ(brokers_[1]->connections, 1);
}

TEST_F(ClusterClientTest, SpeaksTheHighestVersionThatBothKnow) {
  brokers_[0]->On<HeartbeatRequest, HeartbeatResponse>(
      [](const HeartbeatRequest&, int16_t) { return std::optional(HeartbeatResponse()); }, {0, 2});
  ASSERT_TRUE(Ask(Route::Broker(NodeId(0))).ok());
  ASSERT_TRUE(Ask(Route::Broker(NodeId(0)), {0, 1}).ok());
  EXPECT_EQ(Ask(Route::Broker(NodeId(0)), {3, 4}).status().code(), StatusCode::kUnimplemented);
  std::vector<int16_t> versions;
  for (const TestBroker::Asked& asked : brokers_[0]->asked) {
    if (asked.key == ApiKey::kHeartbeat) versions.push_back(asked.version);
  }
  EXPECT_EQ(versions, (std::vector<int16_t>{2, 1}));
}

TEST_F(ClusterClientTest, BoundsWhatIsUnderWayOnAConnection) {
  brokers_[1]->delay = absl::Milliseconds(10);
  std::array<Result, 20> results;
  for (Result& result : results) {
    env::Spawn(executor(), Beat(client_.get(), Route::Broker(NodeId(1)), {0, 4}, &result));
  }
  ASSERT_TRUE(world_.RunUntil(
      [&] {
        return std::all_of(results.begin(), results.end(), [](const Result& r) { return r.has_value(); });
      },
      absl::Seconds(5)));
  for (const Result& result : results) EXPECT_TRUE(result->ok()) << result->status();
  EXPECT_EQ(brokers_[1]->most_under_way, 3);
  EXPECT_EQ(brokers_[1]->connections, 1);
}

TEST_F(ClusterClientTest, GoesToAnotherBrokerWhenOneIsGone) {
  EXPECT_TRUE(Ask(Route::Any()).ok());
  StopBroker(1);
  EXPECT_EQ(Ask(Route::Broker(NodeId(1))).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(*Ask(Route::Any()), 0);
  EXPECT_EQ(*Ask(Route::Controller()), 0) << "any broker hands on what is the controller's";
}

TEST_F(ClusterClientTest, ConnectsAgainAfterAPause) {
  EXPECT_EQ(*Ask(Route::Broker(NodeId(1))), 1);
  StopBroker(1);
  int failures = 0;
  const env::MonotonicTime until = world_.now() + absl::Seconds(60);
  while (world_.now() < until) {
    EXPECT_FALSE(Ask(Route::Broker(NodeId(1))).ok());
    world_.RunFor(absl::Milliseconds(50));
    ++failures;
  }
  EXPECT_GT(failures, 100) << "calls fail at once while it pauses";
  StartBroker(1);
  world_.RunFor(absl::Seconds(5));
  EXPECT_EQ(*Ask(Route::Broker(NodeId(1))), 1);
}

TEST_F(ClusterClientTest, ALostConnectionIsMadeAgain) {
  EXPECT_EQ(*Ask(Route::Broker(NodeId(1))), 1);
  world_.network().ResetConnections("client", "broker-1");
  world_.RunFor(absl::Milliseconds(10));
  EXPECT_EQ(*Ask(Route::Broker(NodeId(1))), 1);
  EXPECT_EQ(brokers_[1]->connections, 2);
}

TEST_F(ClusterClientTest, CloseEndsWhatIsUnderWay) {
  brokers_[1]->delay = absl::Hours(1);
  brokers_[0]->delay = absl::Hours(1);
  std::array<Result, 5> results;
  for (Result& result : results) env::Spawn(executor(), Beat(client_.get(), Route::Any(), {0, 4}, &result));
  world_.RunFor(absl::Seconds(1));
  client_->Close();
  world_.RunFor(absl::Seconds(1));
  for (const Result& result : results) EXPECT_TRUE(result.has_value() && !result->ok());
  EXPECT_EQ(Ask(Route::Any()).status().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace dohle::kafka::client
