// Metadata while brokers die.
#include "broker/server/handlers/metadata.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/metadata/fake_metadata_log.h"
#include "broker/server/departed_brokers.h"
#include "broker/server/live_config.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "broker/server/suspected_brokers.h"
#include "lib/env/env.h"
#include "lib/env/sim/sim_world.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"

namespace dohle::server {
namespace {

using kafka::MetadataRequest;
using kafka::MetadataResponse;

const TopicId kTopic(1, 2);
constexpr NodeId kSelf(1), kDead(2), kNext(3);
constexpr absl::Duration kLinger = absl::Seconds(9), kPatience = absl::Seconds(1);

class MetadataHandlerTest : public testing::Test {
 protected:
  MetadataHandlerTest()
      : world_(1),
        env_(world_.AddNode("node-1").env()),
        live_config_(*LoadBrokerConfig({})),
        departed_(env_.clock, kLinger),
        suspected_(env_.clock, kPatience),
        services_{env_,
                  kSelf,
                  "cluster",
                  live_config_.started_with().config,
                  live_config_,
                  RequestLimits(),
                  metadata_log_.cache(),
                  metadata_log_,
                  Unused<controller::Controller>(),
                  Unused<ControllerChannel>(),
                  Unused<FailureDetector>(),
                  departed_,
                  suspected_,
                  Unused<replica::PartitionRegistry>(),
                  Unused<replica::ReplicaSet>(),
                  Unused<coordinator::GroupCoordinator>(),
                  Unused<ProducerIdAllocator>(),
                  Unused<FetchSessionCache>(),
                  Unused<ServerMetrics>(),
                  Unused<TopicMetricsTable>(),
                  waiting_} {
    connection_.listener_name = "PLAINTEXT";
    Publish(kDead, false);
  }

  template <typename T>
  T& Unused() {
    return *static_cast<T*>(static_cast<void*>(&unused_));
  }

  // What the quorum says: who leads the topic's partition, and whether kDead is fenced.
  void Publish(NodeId leader, bool fenced) {
    auto image = std::make_shared<metadata::MetadataImage>();
    for (const NodeId id : {kSelf, kDead, kNext}) {
      metadata::BrokerRegistration broker;
      broker.id = id;
      broker.fenced = id == kDead && fenced;
      broker.endpoints.push_back({"PLAINTEXT", "host", 9092, 0});
      image->cluster.brokers.Set(id, broker);
    }
    metadata::PartitionRegistration partition;
    partition.leader = leader;
    partition.replicas = {kDead, kNext};
    metadata::TopicImage topic;
    topic.name = "t";
    topic.id = kTopic;
    topic.partitions.Set(PartitionIndex(0), partition);
    image->topics.ids.Set("t", kTopic);
    image->topics.by_id.Set(kTopic, topic);
    metadata::MetadataUpdate update{metadata_log_.cache().Current(), image, {}};
    update.changes.brokers.insert(kDead);
    departed_.Note(update);
    metadata_log_.SetImage(image);
    suspected_.Note(update);
  }

  struct Call {
    MetadataRequest request;
    std::unique_ptr<RequestContext> context;
    std::optional<MetadataResponse> response;
  };
  std::shared_ptr<Call> Ask(const char* topic) {
    auto call = std::make_shared<Call>();
    call->request.topics.emplace().emplace_back().name = kafka::Text::Copy(topic);
    call->request.allow_auto_topic_creation = false;
    call->context =
        std::make_unique<RequestContext>(services_, connection_, std::span<char>(), env_.clock.Now());
    call->context->api_version = 12;
    env::Spawn(*env_.executors.front(), Answer(call));
    world_.RunFor(absl::Milliseconds(1));
    return call;
  }
  static env::Task<void> Answer(std::shared_ptr<Call> call) {
    call->response.emplace(co_await MetadataHandler::Handle(*call->context, call->request));
  }
  static NodeId LeaderIn(const Call& call) {
    return NodeId(call.response->topics.front().partitions.front().leader_id);
  }

  env::SimWorld world_;
  env::Env& env_;
  alignas(64) char unused_[64] = {};
  LiveConfig live_config_;
  metadata::FakeMetadataLog metadata_log_;
  DepartedBrokers departed_;
  SuspectedBrokers suspected_;
  WaitingRequests waiting_;
  Services services_;
  ConnectionInfo connection_;
};

TEST_F(MetadataHandlerTest, WhoJustDiedIsNamedBesideTheNewLeaderAndLaterNoMore) {
  Publish(kNext, true);
  const auto soon = Ask("t");
  ASSERT_TRUE(soon->response);
  EXPECT_EQ(LeaderIn(*soon), kNext);
  EXPECT_EQ(soon->response->brokers.size(), 3U);
  world_.RunFor(kLinger);
  const auto later = Ask("t");
  ASSERT_TRUE(later->response);
  EXPECT_EQ(later->response->brokers.size(), 2U);
}

TEST_F(MetadataHandlerTest, AnAnswerAboutALostLeaderWaitsForTheNextOne) {
  suspected_.Lost(kDead);
  const auto call = Ask("t");
  EXPECT_FALSE(call->response);
  EXPECT_TRUE(call->context->next_allowed());
  Publish(kNext, true);
  world_.RunFor(absl::Milliseconds(1));
  ASSERT_TRUE(call->response);
  EXPECT_EQ(LeaderIn(*call), kNext);
}

TEST_F(MetadataHandlerTest, ItWaitsNoLongerThanItsPatience) {
  suspected_.Lost(kDead);
  const auto call = Ask("t");
  world_.RunFor(kPatience);
  ASSERT_TRUE(call->response);
  EXPECT_EQ(LeaderIn(*call), kDead);
}

TEST_F(MetadataHandlerTest, WhatTheLostBrokerDoesNotLeadIsAnsweredAtOnce) {
  Publish(kNext, false);
  suspected_.Lost(kDead);
  EXPECT_TRUE(Ask("t")->response);
  EXPECT_TRUE(Ask("unknown")->response);
}

}  // namespace
}  // namespace dohle::server
