#include "broker/server/group_partitions.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker/coordinator/group_coordinator.h"
#include "broker/metadata/image.h"
#include "broker/server/metadata_lookup.h"
#include "lib/env/sim/sim_world.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/heartbeat_request.h"
#include "lib/kafka/messages/heartbeat_response.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;
using metadata::MetadataImage;

constexpr NodeId kSelf{1}, kOther{2};
constexpr TopicId kOffsets{0, 7};
constexpr Uuid kBefore{0, 1}, kOurs{0, 2};

class EmptyLog : public coordinator::PartitionLog {
 public:
  env::Task<StatusOr<Offset>> Append(PartitionIndex, std::string) override { co_return Offset(0); }
  size_t MaxBatchBytes(PartitionIndex) const override { return 1 << 20; }
  env::Task<StatusOr<Chunk>> Read(PartitionIndex, Offset, size_t) override {
    Chunk chunk;
    chunk.at_end = true;
    co_return chunk;
  }
};

class NoTopics : public coordinator::TopicLookup {
 public:
  std::optional<Topic> Find(std::string_view) const override { return std::nullopt; }
  std::optional<std::string> NameOf(const Uuid&) const override { return std::nullopt; }
};

class GroupPublisherTest : public testing::Test {
 protected:
  GroupPublisherTest() {
    coordinator::GroupConfig config;
    config.offsets_topic_num_partitions = 1;
    env::Env& env = node_.env();
    groups_ = std::make_unique<coordinator::GroupCoordinator>(
        config, coordinator::GroupCoordinator::Parts{env.clock, env.random, env.blocking_pool, log_, topics_,
                                                     env.executors});
    publisher_ = std::make_unique<GroupPublisher>(kSelf, kOurs, *groups_);
  }

  static env::Task<void> Publish(GroupPublisher& publisher, const metadata::MetadataUpdate& update) {
    co_await publisher.Publish(update);
  }
  // The only partition of __consumer_offsets is led by `leader`, and `incarnation` is registered.
  void Publish(NodeId leader, int32_t leader_epoch, const Uuid& incarnation, bool everything) {
    auto image = std::make_shared<MetadataImage>();
    metadata::TopicImage topic;
    topic.name = kConsumerOffsetsTopic;
    topic.id = kOffsets;
    metadata::PartitionRegistration partition;
    partition.leader = leader;
    partition.leader_epoch = LeaderEpoch(leader_epoch);
    topic.partitions.Set(PartitionIndex(0), partition);
    image->topics.by_id.Set(kOffsets, topic);
    image->topics.ids.Set(topic.name, kOffsets);
    metadata::BrokerRegistration registration;
    registration.id = kSelf;
    registration.incarnation_id = incarnation;
    image->cluster.brokers.Set(kSelf, registration);
    metadata::MetadataUpdate update;
    update.before = std::exchange(published_, image);
    update.after = image;
    update.changes.everything = everything;
    if (!everything && leader_ != std::pair(leader, leader_epoch))
      update.changes.partitions[kOffsets].insert(PartitionIndex(0));
    leader_ = {leader, leader_epoch};
    env::Spawn(*node_.env().executors.front(), Publish(*publisher_, update));
    world_.RunFor(absl::Seconds(1));
  }

  static env::Task<void> Beat(coordinator::GroupCoordinator& groups, ErrorCode* said) {
    kafka::HeartbeatRequest request;
    request.group_id = std::string_view("group");
    request.member_id = std::string_view("nobody");
    const auto answer = co_await groups.Heartbeat(request, 4);
    *said = kafka::ErrorFromCode(answer.error_code);
  }
  // The group has no such member; what matters is whether that is known here.
  bool Coordinates() {
    ErrorCode said = ErrorCode::kNone;
    env::Spawn(*node_.env().executors.front(), Beat(*groups_, &said));
    world_.RunFor(absl::Seconds(1));
    EXPECT_TRUE(said == ErrorCode::kUnknownMemberId || said == ErrorCode::kNotCoordinator)
        << kafka::Name(said);
    return said == ErrorCode::kUnknownMemberId;
  }

  env::SimWorld world_{1};
  env::SimNode& node_ = world_.AddNode("broker-1");
  EmptyLog log_;
  NoTopics topics_;
  std::unique_ptr<coordinator::GroupCoordinator> groups_;
  std::unique_ptr<GroupPublisher> publisher_;
  metadata::ImagePtr published_ = std::make_shared<MetadataImage>();
  std::pair<NodeId, int32_t> leader_{kNoNode, 0};
};

TEST_F(GroupPublisherTest, CoordinatesNothingBeforeTheRegistration) {
  Publish(kSelf, 3, kBefore, true);
  EXPECT_FALSE(Coordinates());
  Publish(kSelf, 3, kOurs, false);
  EXPECT_TRUE(Coordinates());
  Publish(kOther, 4, kOurs, false);
  EXPECT_FALSE(Coordinates());
  Publish(kSelf, 5, kOurs, false);
  EXPECT_TRUE(Coordinates());
}

TEST_F(GroupPublisherTest, ASnapshotMayTellThatAnotherLeads) {
  Publish(kSelf, 3, kOurs, true);
  EXPECT_TRUE(Coordinates());
  Publish(kSelf, 3, kOurs, true);
  EXPECT_TRUE(Coordinates());
  Publish(kOther, 4, kOurs, true);
  EXPECT_FALSE(Coordinates());
}

}  // namespace
}  // namespace dohle::server
