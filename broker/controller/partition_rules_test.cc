// What holds of every partition whatever happens to the brokers: random histories, checked after each step.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "broker/controller/alter_partition.h"
#include "broker/controller/brokers.h"
#include "broker/controller/elections.h"
#include "broker/controller/partition_change.h"
#include "broker/controller/reassignments.h"
#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using metadata::LeaderRecoveryState;
using metadata::PartitionRegistration;
using metadata::Replicas;
using testing::Ids;
using testing::SeededRandom;
using testing::TestCluster;

constexpr int kBrokers = 5;
constexpr int kPartitions = 4;
constexpr std::string_view kTopics[] = {"safe", "strict", "unclean"};

bool Contains(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

bool AreDistinct(const Replicas& replicas) {
  return std::set<NodeId>(replicas.begin(), replicas.end()).size() == replicas.size();
}

std::string ToString(const Replicas& replicas) {
  std::string text;
  for (const NodeId id : replicas) text += (text.empty() ? "" : ",") + std::to_string(id.value());
  return "{" + text + "}";
}

std::string ToString(const PartitionRegistration& partition) {
  return fmt::format("leader {} replicas {} isr {} adding {} removing {} elr {} last known {}",
                     partition.leader.value(), ToString(partition.replicas), ToString(partition.isr),
                     ToString(partition.adding_replicas), ToString(partition.removing_replicas),
                     ToString(partition.elr), ToString(partition.last_known_elr));
}

class History {
 public:
  History(uint64_t seed, bool elr)
      : random_(seed), elr_(elr), cluster_(metadata::kLatestMetadataVersion, elr) {
    cluster_.random = SeededRandom(seed);
    for (int id = 1; id <= kBrokers; ++id) cluster_.AddBroker(id);
    for (const std::string_view topic : kTopics) {
      std::vector<Replicas> partitions;
      for (int i = 0; i < kPartitions; ++i) partitions.push_back(SomeReplicas());
      cluster_.AddTopic(std::string(topic), partitions);
    }
    cluster_.SetConfig(metadata::ConfigResourceType::kTopic, "strict", "min.insync.replicas", "2");
    cluster_.SetConfig(metadata::ConfigResourceType::kTopic, "unclean", "unclean.leader.election.enable",
                       "true");
  }

  void Step() {
    before_ = cluster_.Publish();
    cluster_.now_ms += 1000;
    claimed_.clear();
    switch (Below(10)) {
      case 0:
      case 1:
        Heartbeat(/*shut_down=*/Below(4) == 0);
        break;
      case 2: {
        RecordList records;
        ASSERT_TRUE(FenceBroker(cluster_.Context(), SomeBroker(), &records));
        cluster_.Replay(records);
        break;
      }
      case 3:
        Register();
        break;
      case 4:
      case 5:
      case 6:
        ChangeIsr();
        break;
      case 7:
        Reassign();
        break;
      case 8:
        cluster_.Replay(ElectPreferred(cluster_.Context()).records);
        break;
      default:
        cluster_.Replay(ElectForLeaderless(cluster_.Context()).records);
        break;
    }
    Check();
  }

 private:
  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  NodeId SomeBroker() { return NodeId(1 + static_cast<int>(Below(kBrokers))); }
  Replicas SomeReplicas() {
    Replicas replicas;
    const size_t count = 1 + Below(4);
    while (replicas.size() < count) {
      const NodeId id = SomeBroker();
      if (!Contains(replicas, id)) replicas.push_back(id);
    }
    return replicas;
  }
  const metadata::BrokerRegistration& Broker(NodeId id) { return *cluster_.image().cluster.Broker(id); }

  void Heartbeat(bool shut_down) {
    kafka::BrokerHeartbeatRequest request;
    const NodeId id = SomeBroker();
    request.broker_id = id.value();
    request.broker_epoch = Broker(id).epoch.value();
    request.current_metadata_offset = cluster_.next_offset.value();
    // Who has begun to shut down doesn't think better of it.
    request.want_shut_down = shut_down || Broker(id).in_controlled_shutdown;
    request.cordoned_log_dirs.reset();
    const HeartbeatDecision decided = DecideHeartbeat(cluster_.Context(), heartbeats_, kNoOffset, request);
    heartbeats_.Touch(id, request.current_metadata_offset, cluster_.now_ms);
    cluster_.Replay(decided.records);
  }

  void Register() {
    kafka::BrokerRegistrationRequest request;
    const NodeId id = SomeBroker();
    request.broker_id = id.value();
    request.cluster_id = std::string(cluster_.config.cluster_id);
    request.incarnation_id = random_.NextUuid();
    for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
      auto& feature = request.features.emplace_back();
      feature.name = std::string(name);
      feature.min_supported_version = range.min;
      feature.max_supported_version = range.max;
    }
    request.log_dirs = {TestCluster::DirectoryOf(id.value())};
    request.previous_broker_epoch = Below(2) == 0 ? -1 : Broker(id).epoch.value();
    heartbeats_.EndSession(id);
    const auto decision = RegisterBroker(cluster_.Context(), heartbeats_, request);
    ASSERT_EQ(decision.response.error_code, 0);
    cluster_.Replay(decision.records);
  }

  // The leader keeps or takes back some of the live replicas, as leaders do.
  void ChangeIsr() {
    const std::string_view topic = kTopics[Below(std::size(kTopics))];
    const int index = static_cast<int>(Below(kPartitions));
    const PartitionRegistration& partition = cluster_.Partition(topic, index);
    if (partition.leader == kNoNode) return;
    kafka::AlterPartitionRequest request;
    request.broker_id = partition.leader.value();
    request.broker_epoch = Broker(partition.leader).epoch.value();
    auto& wanted = request.topics.emplace_back();
    wanted.topic_id = cluster_.image().topics.Find(topic)->id;
    auto& change = wanted.partitions.emplace_back();
    change.partition_index = index;
    change.leader_epoch = partition.leader_epoch.value();
    change.partition_epoch = partition.partition_epoch.value();
    for (const NodeId id : partition.replicas) {
      if (id != partition.leader && (Below(3) == 0 || !cluster_.image().cluster.IsActive(id))) continue;
      auto& member = change.new_isr_with_epochs.emplace_back();
      member.broker_id = id.value();
      member.broker_epoch = Broker(id).epoch.value();
      claimed_.push_back(id);
    }
    const auto decision = AlterPartition(cluster_.Context(), request, 3);
    const auto& result = decision.response.topics.at(0).partitions.at(0);
    cluster_.Replay(decision.records);
    if (result.error_code == kafka::ToCode(ErrorCode::kNewLeaderElected)) return;
    ASSERT_EQ(result.error_code, 0);
    // The answer is what the metadata say now.
    const PartitionRegistration& after = cluster_.Partition(topic, index);
    EXPECT_EQ(result.partition_epoch, after.partition_epoch.value());
    EXPECT_EQ(result.leader_epoch, after.leader_epoch.value());
    EXPECT_EQ(result.leader_id, after.leader.value());
    EXPECT_EQ(result.isr.size(), after.isr.size());
  }

  void Reassign() {
    kafka::AlterPartitionReassignmentsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = kTopics[Below(std::size(kTopics))];
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = static_cast<int>(Below(kPartitions));
    if (Below(3) > 0) {
      auto& replicas = partition.replicas.emplace();
      for (const NodeId id : SomeReplicas()) replicas.push_back(id.value());
    }
    cluster_.Replay(AlterPartitionReassignments(cluster_.Context(), request).records);
  }

  void Check() {
    for (const std::string_view topic : kTopics) {
      for (int i = 0; i < kPartitions; ++i) {
        const PartitionRegistration& was = *before_->topics.Partition(topic, PartitionIndex(i));
        const PartitionRegistration& partition = cluster_.Partition(topic, i);
        CheckOne(topic, partition);
        CheckChange(topic, was, partition);
        if (!::testing::Test::HasFailure()) continue;
        ADD_FAILURE() << topic << "-" << i << ": " << ToString(was) << " became " << ToString(partition);
        return;
      }
    }
  }

  void CheckOne(std::string_view topic, const PartitionRegistration& partition) {
    ASSERT_FALSE(partition.replicas.empty());
    EXPECT_TRUE(AreDistinct(partition.replicas));
    EXPECT_EQ(partition.directories.size(), partition.replicas.size());
    EXPECT_TRUE(AreDistinct(partition.isr));
    for (const NodeId id : partition.isr) {
      EXPECT_TRUE(partition.HasReplica(id));
      EXPECT_FALSE(Contains(partition.elr, id));
      // Without ELR the last one in sync stays; an unclean cancellation takes whoever there is.
      EXPECT_TRUE(cluster_.image().cluster.IsActive(id) || !elr_ || topic == "unclean") << id.value();
    }
    EXPECT_TRUE(elr_ || !partition.isr.empty());
    if (partition.leader != kNoNode) {
      EXPECT_TRUE(partition.InIsr(partition.leader));
      EXPECT_TRUE(cluster_.image().cluster.IsActive(partition.leader));
      EXPECT_TRUE(partition.last_known_elr.empty());
      return;
    }
    // Nobody leads because nobody can.
    for (const NodeId id : partition.isr) EXPECT_FALSE(cluster_.image().cluster.IsActive(id));
    if (!partition.isr.empty()) return;
    for (const NodeId id : partition.elr) {
      EXPECT_FALSE(partition.HasReplica(id) && cluster_.image().cluster.IsActive(id));
    }
  }

  void CheckChange(std::string_view topic, const PartitionRegistration& was,
                   const PartitionRegistration& is) {
    EXPECT_GE(is.leader_epoch, was.leader_epoch);
    if (is == was) return;
    EXPECT_GT(is.partition_epoch, was.partition_epoch);
    if (is.leader == was.leader) return;
    EXPECT_GT(is.leader_epoch, was.leader_epoch);
    if (is.leader == kNoNode || topic == "unclean") return;
    // A leader that a completed reassignment removes hands over to whom it has just declared in sync.
    if (was.InIsr(is.leader) || Contains(was.elr, is.leader) || Contains(claimed_, is.leader)) return;
    EXPECT_EQ(was.last_known_elr, Replicas{is.leader});
    EXPECT_EQ(is.leader_recovery_state, LeaderRecoveryState::kRecovering);
  }

  SeededRandom random_;
  const bool elr_;
  TestCluster cluster_;
  BrokerHeartbeats heartbeats_{9000};
  metadata::ImagePtr before_;
  Replicas claimed_;  // the ISR that a leader asked for in this step
};

TEST(PartitionRules, HoldInEveryHistory) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed, /*elr=*/seed % 3 != 0);
    for (int i = 0; i < 100; ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      history.Step();
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace dohle::controller
