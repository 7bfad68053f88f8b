#include "broker/server/forwarding.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "broker/server/controller_channel.h"
#include "broker/server/services.h"
#include "lib/env/sim/sim_world.h"
#include "lib/kafka/client/test_broker.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/create_partitions_request.h"
#include "lib/kafka/messages/create_partitions_response.h"
#include "lib/kafka/messages/default_principal_data.h"
#include "lib/kafka/messages/envelope_request.h"
#include "lib/kafka/messages/envelope_response.h"

namespace dohle::server {
namespace {

using kafka::EnvelopeRequest;
using kafka::EnvelopeResponse;

constexpr int16_t kVersion = 3;  // of CreatePartitions

// A broker, and an active controller elsewhere that answers what comes in Envelopes.
class ForwardingTest : public testing::Test {
 protected:
  ForwardingTest()
      : world_(11),
        node_(world_.AddNode("broker")),
        host_(world_.AddNode("controller")),
        controller_(host_, 9093),
        channel_(ControllerChannelOptions{"2", {"CONTROLLER"}}, nullptr, node_.env()) {
    world_.network().set_pieces(false);
    controller_.On<EnvelopeRequest, EnvelopeResponse>([this](const EnvelopeRequest& request, int16_t) {
      data_ = request.request_data.view();
      principal_ = request.request_principal->view();
      host_bytes_ = request.client_host_address.view();
      EnvelopeResponse response;
      response.error_code = error_;
      response.response_data.reset();
      if (error_ == 0) response.response_data = kafka::Text::Copy(answer_);
      return std::optional(response);
    });
    metadata::QuorumLeader leader;
    leader.id = NodeId(1);
    leader.endpoints = {{"CONTROLLER", "controller", 9093}};
    env::Spawn(executor(), Tell(&channel_, std::move(leader)));
    connection_.client_host = "10.1.2.3";
  }
  ~ForwardingTest() override {
    node_.Crash(env::SimNode::Death::kProcess);
    host_.Crash(env::SimNode::Death::kProcess);
  }

  env::Executor& executor() { return *node_.env().executors.front(); }
  static env::Task<void> Tell(ControllerChannel* channel, metadata::QuorumLeader leader) {
    co_await channel->OnLeaderChange(std::move(leader));
  }
  template <typename T>
  static env::Task<void> Keep(env::Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }
  template <typename T>
  T Run(env::Task<T> task) {
    std::optional<T> result;
    env::Spawn(executor(), Keep(std::move(task), &result));
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Minutes(1)));
    return std::move(*result);
  }

  // Forwarding needs the environment and the channel only.
  template <typename T>
  T& Unused() {
    return *static_cast<T*>(static_cast<void*>(&unused_));
  }
  Services MakeServices() {
    return Services{node_.env(),
                    NodeId(2),
                    "cluster",
                    Unused<BrokerConfig>(),
                    Unused<LiveConfig>(),
                    RequestLimits(),
                    Unused<metadata::MetadataCache>(),
                    Unused<metadata::MetadataLog>(),
                    Unused<controller::Controller>(),
                    channel_,
                    Unused<FailureDetector>(),
                    Unused<DepartedBrokers>(),
                    Unused<SuspectedBrokers>(),
                    Unused<replica::PartitionRegistry>(),
                    Unused<replica::ReplicaSet>(),
                    Unused<coordinator::GroupCoordinator>(),
                    Unused<ProducerIdAllocator>(),
                    Unused<FetchSessionCache>(),
                    Unused<ServerMetrics>(),
                    Unused<TopicMetricsTable>(),
                    waiting_};
  }

  env::SimWorld world_;
  env::SimNode& node_;
  env::SimNode& host_;
  kafka::client::TestBroker controller_;
  ControllerChannel channel_;
  ConnectionInfo connection_;
  WaitingRequests waiting_;
  alignas(64) char unused_[64] = {};
  std::string data_, principal_, host_bytes_;  // of the last Envelope
  std::string answer_;
  int16_t error_ = 0;
};

TEST_F(ForwardingTest, ARequestTravelsAsItCame) {
  Services services = MakeServices();
  std::string frame = "header and body";
  answer_ = "header and answer";
  RequestContext context(services, connection_, frame, node_.env().clock.Now());
  const Forwarded forwarded = Run(ForwardToController(context));
  EXPECT_FALSE(forwarded.serve_here);
  ASSERT_TRUE(forwarded.answer);
  EXPECT_EQ(forwarded.answer->bytes, std::string("\0\0\0\x11", 4) + answer_);
  EXPECT_EQ(data_, frame);
  EXPECT_EQ(host_bytes_, "\x0a\x01\x02\x03");
  kafka::DefaultPrincipalData principal;
  ASSERT_TRUE(kafka::DecodeVersionPrefixed(principal_, &principal).ok());
  EXPECT_EQ(principal.type.view(), "User");
  EXPECT_EQ(principal.name.view(), "ANONYMOUS");
  EXPECT_FALSE(context.close_connection());
}

TEST_F(ForwardingTest, WhatTheControllerCantReadClosesTheConnection) {
  Services services = MakeServices();
  std::string frame = "x";
  error_ = static_cast<int16_t>(kafka::ErrorCode::kUnsupportedVersion);
  RequestContext context(services, connection_, frame, node_.env().clock.Now());
  const Forwarded forwarded = Run(ForwardToController(context));
  EXPECT_FALSE(forwarded.serve_here);
  EXPECT_FALSE(forwarded.answer);
  EXPECT_TRUE(context.close_connection());
}

// Nobody is active for longer than clients wait: the handler here says so.
TEST_F(ForwardingTest, NobodyIsActive) {
  Services services = MakeServices();
  std::string frame = "x";
  error_ = static_cast<int16_t>(kafka::ErrorCode::kNotController);
  RequestContext context(services, connection_, frame, node_.env().clock.Now());
  const env::MonotonicTime before = node_.env().clock.Now();
  const Forwarded forwarded = Run(ForwardToController(context));
  EXPECT_TRUE(forwarded.serve_here);
  EXPECT_GE(node_.env().clock.Now() - before, kForwardPatience);
}

TEST_F(ForwardingTest, APartOfARequest) {
  Services services = MakeServices();
  kafka::ResponseHeader header;
  header.correlation_id = 9;
  kafka::CreatePartitionsResponse response;
  response.results.emplace_back().name = "moved";
  answer_ =
      kafka::EncodeWhole(header, kafka::ResponseHeaderVersion(kafka::ApiKey::kCreatePartitions, kVersion)) +
      kafka::EncodeWhole(response, kVersion);
  std::string frame = "the whole";
  RequestContext context(services, connection_, frame, node_.env().clock.Now());
  context.api_version = kVersion;
  context.correlation_id = 9;
  context.client_id = "me";
  kafka::CreatePartitionsRequest part;
  part.timeout_ms = 77;
  auto forwarded = Run(ForwardPart<kafka::CreatePartitionsResponse>(context, part));
  ASSERT_TRUE(forwarded.ok()) << forwarded.status();
  ASSERT_EQ(forwarded->results.size(), 1u);
  EXPECT_EQ(forwarded->results[0].name.view(), "moved");
  kafka::Reader reader(data_);
  kafka::RequestHeader sent;
  ASSERT_TRUE(
      Decode(reader, kafka::RequestHeaderVersion(kafka::ApiKey::kCreatePartitions, kVersion), &sent).ok());
  EXPECT_EQ(sent.client_id->view(), "me");
  kafka::CreatePartitionsRequest body;
  ASSERT_TRUE(Decode(reader, kVersion, &body).ok());
  EXPECT_EQ(body.timeout_ms, 77);
}

}  // namespace
}  // namespace dohle::server
