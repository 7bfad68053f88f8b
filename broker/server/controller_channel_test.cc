#include "broker/server/controller_channel.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/server/alter_partition_sender.h"
#include "broker/server/own_broker_epoch.h"
#include "lib/env/sim/sim_world.h"
#include "lib/kafka/client/test_broker.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/alter_partition_request.h"
#include "lib/kafka/messages/alter_partition_response.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"

namespace dohle::server {
namespace {

using kafka::AlterPartitionRequest;
using kafka::AlterPartitionResponse;
using kafka::BrokerHeartbeatRequest;
using kafka::BrokerHeartbeatResponse;
using kafka::ErrorCode;
using replica::IsrProposal;
using replica::IsrVerdict;

constexpr uint16_t kPort = 9093;
constexpr int16_t kNobodySays = 999;  // what a controller that never answers would say

// A node that is a broker only, and two controllers of another make.
class ControllerChannelTest : public testing::Test {
 protected:
  ControllerChannelTest() : world_(7), node_(world_.AddNode("broker")) {
    world_.network().set_pieces(false);
    for (int i = 0; i < 2; ++i) {
      hosts_.push_back(&world_.AddNode(Host(i)));
      controllers_.push_back(std::make_unique<kafka::client::TestBroker>(*hosts_.back(), kPort));
      controllers_[i]->On<BrokerHeartbeatRequest, BrokerHeartbeatResponse>(
          [this, i](const BrokerHeartbeatRequest&, int16_t) -> std::optional<BrokerHeartbeatResponse> {
            ++asked_[i];
            if (says_[i] == kNobodySays) return std::nullopt;
            BrokerHeartbeatResponse response;
            response.error_code = says_[i];
            response.is_fenced = i == 0;
            return response;
          });
    }
    channel_ = std::make_unique<ControllerChannel>(ControllerChannelOptions{"2", {"CONTROLLER"}}, nullptr,
                                                   node_.env());
  }
  ~ControllerChannelTest() override {
    node_.Crash(env::SimNode::Death::kProcess);
    for (env::SimNode* host : hosts_) {
      if (host->running()) host->Crash(env::SimNode::Death::kProcess);
    }
  }

  static std::string Host(int i) { return i == 0 ? "controller-0" : "controller-1"; }
  env::Executor& executor() { return *node_.env().executors.front(); }

  static env::Task<void> TellOf(ControllerChannel* channel, metadata::QuorumLeader leader) {
    co_await channel->OnLeaderChange(std::move(leader));
  }
  void Elect(int i) {
    metadata::QuorumLeader leader;
    leader.id = NodeId(i);
    leader.epoch = LeaderEpoch(++epoch_);
    leader.endpoints = {{"OTHER", "nowhere", 1}, {"CONTROLLER", Host(i), kPort}};
    env::Spawn(executor(), TellOf(channel_.get(), std::move(leader)));
  }

  using Result = std::optional<StatusOr<bool>>;  // whether the answer says fenced: whose it is
  static env::Task<void> Beat(ControllerChannel* channel, absl::Duration patience, Result* result) {
    BrokerHeartbeatRequest request;
    const auto answer = co_await channel->Call<BrokerHeartbeatResponse>(request, patience);
    if (answer.ok()) {
      result->emplace(answer->message.is_fenced);
    } else {
      result->emplace(answer.status());
    }
  }
  void Start(Result* result, absl::Duration patience = absl::Seconds(30)) {
    env::Spawn(executor(), Beat(channel_.get(), patience, result));
  }

  env::SimWorld world_;
  env::SimNode& node_;
  std::vector<env::SimNode*> hosts_;
  std::vector<std::unique_ptr<kafka::client::TestBroker>> controllers_;
  std::map<int, int16_t> says_;  // the error that each controller answers with
  std::map<int, int> asked_;
  int epoch_ = 0;
  std::unique_ptr<ControllerChannel> channel_;
};

TEST_F(ControllerChannelTest, WaitsForALeader) {
  Result result;
  Start(&result);
  world_.RunFor(absl::Seconds(3));
  EXPECT_FALSE(result);
  Elect(0);
  ASSERT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(1)));
  ASSERT_TRUE(result->ok()) << result->status();
  EXPECT_TRUE(**result);
  // The connection stays.
  result.reset();
  Start(&result);
  ASSERT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(1)));
  EXPECT_EQ(controllers_[0]->connections, 1);
  EXPECT_EQ(asked_[0], 2);
}

TEST_F(ControllerChannelTest, GivesUpAfterItsPatience) {
  Result result;
  Start(&result, absl::Seconds(2));
  ASSERT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(4)));
  EXPECT_TRUE(absl::IsUnavailable(result->status())) << result->status();
}

TEST_F(ControllerChannelTest, AsksAgainWhoIsNotActiveYet) {
  says_[0] = static_cast<int16_t>(ErrorCode::kNotController);
  Elect(0);
  Result result;
  Start(&result);
  world_.RunFor(absl::Seconds(1));
  EXPECT_FALSE(result);
  EXPECT_GT(asked_[0], 2);
  says_[0] = 0;
  ASSERT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(2)));
  EXPECT_TRUE(result->ok()) << result->status();
}

// What is under way to a controller that doesn't answer any more goes to the new one at once.
TEST_F(ControllerChannelTest, ANewLeaderIsTakenUpAtOnce) {
  says_[0] = kNobodySays;
  Elect(0);
  Result result;
  Start(&result);
  world_.RunFor(absl::Seconds(5));
  EXPECT_EQ(asked_[0], 1);
  Elect(1);
  ASSERT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Milliseconds(500)));
  ASSERT_TRUE(result->ok()) << result->status();
  EXPECT_FALSE(**result);
}

TEST_F(ControllerChannelTest, SurvivesALostConnection) {
  Elect(0);
  Result first;
  Start(&first);
  ASSERT_TRUE(world_.RunUntil([&] { return first.has_value(); }, absl::Seconds(1)));
  world_.network().ResetConnections("broker", Host(0));
  Result second;
  Start(&second);
  ASSERT_TRUE(world_.RunUntil([&] { return second.has_value(); }, absl::Seconds(2)));
  EXPECT_TRUE(second->ok()) << second->status();
  EXPECT_EQ(controllers_[0]->connections, 2);
}

TEST_F(ControllerChannelTest, StopEndsWhatWaits) {
  Result result;
  Start(&result);
  world_.RunFor(absl::Seconds(1));
  executor().Post([this] { channel_->Stop(); });
  ASSERT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(1)));
  EXPECT_TRUE(absl::IsCancelled(result->status())) << result->status();
}

class AlterPartitionSenderTest : public ControllerChannelTest {
 protected:
  AlterPartitionSenderTest() : sender_(NodeId(2), epoch_of_broker_, *channel_, node_.env()) {
    epoch_of_broker_.Set(BrokerEpoch(5));
    controllers_[0]->On<AlterPartitionRequest, AlterPartitionResponse>(
        [this](const AlterPartitionRequest& request, int16_t version) {
          EXPECT_EQ(version, 3);
          return std::optional(Answer(request));
        });
    Elect(0);
  }

  AlterPartitionResponse Answer(const AlterPartitionRequest& request) {
    AlterPartitionResponse response;
    size_t partitions = 0;
    response.error_code = request.broker_epoch == 5 ? 0 : static_cast<int16_t>(ErrorCode::kStaleBrokerEpoch);
    for (const auto& topic : request.topics) {
      auto& to = response.topics.emplace_back();
      to.topic_id = topic.topic_id;
      for (const auto& asked : topic.partitions) {
        ++partitions;
        auto& partition = to.partitions.emplace_back();
        partition.partition_index = asked.partition_index;
        partition.partition_epoch = asked.partition_epoch + 1;
        partition.leader_epoch = asked.leader_epoch;
        partition.leader_id = 2;
        for (const auto& member : asked.new_isr_with_epochs) partition.isr.push_back(member.broker_id);
      }
    }
    if (response.error_code != 0) response.topics.clear();
    sizes_.push_back(partitions);
    return response;
  }

  using Verdict = std::optional<StatusOr<IsrVerdict>>;
  static env::Task<void> Ask(AlterPartitionSender* sender, IsrProposal proposal, Verdict* verdict) {
    verdict->emplace(co_await sender->Propose(std::move(proposal)));
  }
  void Propose(int partition, Verdict* verdict) {
    IsrProposal proposal;
    proposal.partition = {"t", PartitionIndex(partition)};
    proposal.topic_id = TopicId(0, 9);
    proposal.leader_epoch = LeaderEpoch(3);
    proposal.partition_epoch = PartitionEpoch(partition);
    proposal.in_sync_replicas = {{NodeId(2), BrokerEpoch(5)}, {NodeId(3), BrokerEpoch(6)}};
    env::Spawn(executor(), Ask(&sender_, std::move(proposal), verdict));
  }

  OwnBrokerEpoch epoch_of_broker_;
  AlterPartitionSender sender_;
  std::vector<size_t> sizes_;  // of the requests, in partitions
};

TEST_F(AlterPartitionSenderTest, WhatWaitsGoesTogether) {
  controllers_[0]->delay = absl::Milliseconds(100);
  std::vector<Verdict> verdicts(4);
  for (int i = 0; i < 4; ++i) {
    Propose(i, &verdicts[i]);
    world_.RunFor(absl::Milliseconds(10));
  }
  ASSERT_TRUE(world_.RunUntil([&] { return verdicts[3].has_value(); }, absl::Seconds(2)));
  EXPECT_EQ(sizes_, (std::vector<size_t>{1, 3}));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(verdicts[i]->ok());
    EXPECT_EQ((*verdicts[i])->partition_epoch, PartitionEpoch(i + 1));
    EXPECT_EQ((*verdicts[i])->in_sync_replicas, (std::vector<NodeId>{NodeId(2), NodeId(3)}));
  }
  EXPECT_EQ(controllers_[0]->most_under_way, 1);
}

TEST_F(AlterPartitionSenderTest, WaitsForANewRegistration) {
  epoch_of_broker_.Set(BrokerEpoch(4));
  Verdict verdict;
  Propose(0, &verdict);
  world_.RunFor(absl::Seconds(1));
  EXPECT_FALSE(verdict);
  EXPECT_GT(sizes_.size(), 2u);
  epoch_of_broker_.Set(BrokerEpoch(5));
  ASSERT_TRUE(world_.RunUntil([&] { return verdict.has_value(); }, absl::Seconds(1)));
  EXPECT_TRUE(verdict->ok()) << verdict->status();
}

TEST_F(AlterPartitionSenderTest, OneProposalOfAPartitionAtATime) {
  controllers_[0]->delay = absl::Milliseconds(100);
  std::vector<Verdict> verdicts(3);
  for (Verdict& verdict : verdicts) Propose(1, &verdict);
  ASSERT_TRUE(world_.RunUntil([&] { return verdicts[2].has_value(); }, absl::Seconds(2)));
  EXPECT_EQ(sizes_, (std::vector<size_t>{1, 1, 1}));
}

TEST_F(AlterPartitionSenderTest, StopEndsWhatWaits) {
  Verdict verdict;
  executor().Post([this] { sender_.Stop(); });
  world_.RunFor(absl::Milliseconds(1));
  Propose(0, &verdict);
  ASSERT_TRUE(world_.RunUntil([&] { return verdict.has_value(); }, absl::Seconds(1)));
  EXPECT_TRUE(absl::IsCancelled(verdict->status()));
}

}  // namespace
}  // namespace dohle::server
