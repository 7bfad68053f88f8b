#include "broker/server/broker_metrics_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "broker/coordinator/group_coordinator.h"
#include "broker/metadata/fake_metadata_log.h"
#include "broker/replica/partition_registry.h"
#include "broker/replica/replica_set.h"
#include "broker/server/fetch_session.h"
#include "broker/server/live_config.h"
#include "broker/server/services.h"
#include "broker/server/topic_metrics.h"
#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"
#include "lib/env/posix/posix_env.h"
#include "lib/kafka/messages/offset_commit_request.h"
#include "lib/kafka/messages/offset_commit_response.h"
#include "lib/kafka/record_batch.h"

namespace dohle::server {
namespace {

constexpr NodeId kNode(1);
const TopicId kTopic(1, 2);

class FakeGroupLog : public coordinator::PartitionLog {
 public:
  env::Task<StatusOr<Offset>> Append(PartitionIndex, std::string batch) override {
    const Offset base(next_);
    kafka::SetBaseOffset(batch.data(), base);
    next_ = kafka::RecordBatchView(batch).next_offset().value();
    co_return base;
  }
  size_t MaxBatchBytes(PartitionIndex) const override { return 1 << 20; }
  env::Task<StatusOr<Chunk>> Read(PartitionIndex, Offset from, size_t) override {
    Chunk chunk;
    chunk.next_offset = from;
    chunk.at_end = true;
    co_return chunk;
  }

 private:
  int64_t next_ = 0;
};

class FakeTopics : public coordinator::TopicLookup {
 public:
  std::optional<Topic> Find(std::string_view name) const override {
    if (name != "t") return std::nullopt;
    return Topic{kTopic, 2};
  }
  std::optional<std::string> NameOf(const Uuid&) const override { return "t"; }
};

class BrokerMetricsSourceTest : public ::testing::Test {
 protected:
  BrokerMetricsSourceTest()
      : posix_({.event_loops = 1, .io_threads = 1, .own_process = false}),
        live_config_(*LoadBrokerConfig({})),
        groups_(coordinator::GroupConfig(),
                coordinator::GroupCoordinator::Parts{posix_.env().clock, posix_.env().random,
                                                     posix_.env().blocking_pool, group_log_, topics_,
                                                     posix_.env().executors}),
        sessions_(10, posix_.env().clock, posix_.env().random),
        server_metrics_(registry_),
        topic_metrics_(server_metrics_),
        services_{posix_.env(),
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
                  groups_,
                  Unused<ProducerIdAllocator>(),
                  sessions_,
                  server_metrics_,
                  topic_metrics_,
                  waiting_} {
    posix_.Start();
    metadata_log_.description.leader_id = kNode;
    metadata_log_.description.leader_epoch = LeaderEpoch(3);
    metadata_log_.description.high_watermark = Offset(50);
    metadata_log_.description.log_end_offset = Offset(51);
    PublishImage();
    for (int i = 0; i < groups_.config().offsets_topic_num_partitions; ++i) {
      groups_.OnElected(PartitionIndex(i), LeaderEpoch(0));
    }
    source_ = std::make_unique<BrokerMetricsSource>(services_, std::vector<const KafkaServer*>(),
                                                    [] { return CheckLogs(); });
  }
  ~BrokerMetricsSourceTest() override { posix_.Stop(); }

  static env::Task<replica::LogsHealth> CheckLogs() {
    replica::LogsHealth health;
    health.directories = {"/broken", "/data"};
    health.offline_directories = {"/broken"};
    health.max_dirty_ratio = 0.25;
    health.ms_since_cleaner_ran = 1500;
    co_return health;
  }

  // The source asks nothing of it.
  template <typename T>
  T& Unused() {
    return *reinterpret_cast<T*>(&unused_);
  }

  template <typename T>
  T Run(env::Task<T> task) {
    std::promise<T> done;
    const auto run = [](env::Task<T> inner, std::promise<T>* out) -> env::Task<void> {
      out->set_value(co_await std::move(inner));
    };
    env::Spawn(*posix_.env().executors.front(), run(std::move(task), &done));
    return done.get_future().get();
  }

  // Topic t of two partitions on brokers 1 and 2, broker 2 out of sync; partition 1 is reassigned.
  void PublishImage() {
    auto image = std::make_shared<metadata::MetadataImage>();
    metadata::TopicImage topic;
    topic.name = "t";
    topic.id = kTopic;
    for (int i = 0; i < 2; ++i) {
      metadata::PartitionRegistration partition;
      partition.replicas = {i == 0 ? kNode : NodeId(2), i == 0 ? NodeId(2) : kNode};
      partition.isr = {kNode};
      if (i == 1) partition.adding_replicas = {NodeId(3)};
      partition.leader = kNode;
      topic.partitions.Set(PartitionIndex(i), partition);
    }
    image->topics.ids.Set("t", kTopic);
    image->topics.by_id.Set(kTopic, topic);
    image->configs.by_resource.Set(metadata::ConfigsImage::Key(metadata::ConfigResourceType::kTopic, "t"),
                                   metadata::ConfigMap{{"min.insync.replicas", "2"}});
    metadata_log_.SetImage(image);
  }

  std::shared_ptr<replica::Partition> AddPartition(int index) {
    storage::LogOpenOptions options;
    options.file_system = &directory_.file_system();
    options.directory = directory_.path() + "/t-" + std::to_string(index);
    options.partition = {"t", PartitionIndex(index)};
    options.config = std::make_shared<const storage::LogConfig>();
    EXPECT_TRUE(directory_.file_system().CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.topic_id = kTopic;
    loaded.log = *storage::Log::Open(options);
    auto partition =
        std::make_shared<replica::Partition>(kNode, std::move(loaded), Offset(0), posix_.env().blocking_pool);
    replica::Leadership leadership;
    leadership.leader = kNode;
    leadership.leader_epoch = LeaderEpoch(0);
    leadership.in_sync_replicas = {kNode};
    EXPECT_TRUE(Run(partition->SetLeadership(std::move(leadership))).ok());
    partitions_.Add({partition});
    return partition;
  }

  void Append(replica::Partition& partition, int64_t timestamp_ms) {
    std::string bytes = storage::testing::SimpleBatch(1, timestamp_ms);
    ASSERT_TRUE(Run(partition.Append({bytes.data(), bytes.size()}, {})).ok());
  }

  void Commit(int32_t partition, int64_t offset) {
    kafka::OffsetCommitRequest request;
    request.group_id = "g";
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.topic_id = kTopic;
    topic.partitions.push_back({partition, offset});
    // Loading, though there is nothing, takes a moment.
    for (;;) {
      const auto response = Run(groups_.OffsetCommit(request, 9, nullptr));
      const int16_t error = response.topics.at(0).partitions.at(0).error_code;
      if (error == 0) return;
      ASSERT_EQ(error, kafka::ToCode(kafka::ErrorCode::kCoordinatorLoadInProgress));
    }
  }

  std::map<int32_t, GroupOffsetSample> Offsets() {
    Run(source_->CollectPartitions(0, kScrapeSlice));
    Run(source_->CollectGroups(0, kScrapeSlice));
    std::map<int32_t, GroupOffsetSample> offsets;
    for (const auto& row : Run(source_->CollectGroupOffsets(0, kScrapeSlice))) {
      offsets[row.partition.value()] = row;
    }
    return offsets;
  }

  env::PosixEnv posix_;
  storage::testing::TestDirectory directory_;
  int unused_ = 0;
  LiveConfig live_config_;
  metadata::FakeMetadataLog metadata_log_;
  FakeGroupLog group_log_;
  FakeTopics topics_;
  coordinator::GroupCoordinator groups_;
  FetchSessionCache sessions_;
  metrics::Registry registry_;
  ServerMetrics server_metrics_;
  TopicMetricsTable topic_metrics_;
  WaitingRequests waiting_;
  replica::PartitionRegistry partitions_;
  Services services_;
  std::unique_ptr<BrokerMetricsSource> source_;
};

TEST_F(BrokerMetricsSourceTest, PartitionsComeInSlices) {
  AddPartition(1);
  const auto zero = AddPartition(0);
  Append(*zero, 1000);
  const auto first = Run(source_->CollectPartitions(0, 1));
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(*first[0].topic, "t");
  EXPECT_EQ(first[0].partition, PartitionIndex(0));
  EXPECT_EQ(first[0].log_end_offset, 1);
  EXPECT_EQ(first[0].high_watermark, 1);
  EXPECT_TRUE(first[0].is_leader);
  EXPECT_TRUE(first[0].leader_is_preferred);
  EXPECT_FALSE(first[0].reassigning);
  EXPECT_EQ(first[0].partitions_of_topic, 2);
  EXPECT_EQ(first[0].replicas, 2);
  EXPECT_EQ(first[0].in_sync_replicas, 1);
  EXPECT_EQ(first[0].min_insync_replicas, 2);
  EXPECT_EQ(first[0].replication_factor, 2);
  const auto second = Run(source_->CollectPartitions(1, 1));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].partition, PartitionIndex(1));
  EXPECT_FALSE(second[0].leader_is_preferred);
  EXPECT_TRUE(second[0].reassigning);
  EXPECT_TRUE(Run(source_->CollectPartitions(2, 1)).empty());
}

TEST_F(BrokerMetricsSourceTest, LagInRecordsAndInSeconds) {
  const auto zero = AddPartition(0);
  const int64_t now_ms = posix_.env().clock.WallTimeMs();
  Append(*zero, now_ms - 100'000);
  Append(*zero, now_ms - 50'000);
  Append(*zero, now_ms - 20'000);
  Commit(0, 1);
  Commit(1, 7);  // a partition that isn't here
  auto offsets = Offsets();
  ASSERT_EQ(offsets.size(), 2U);
  EXPECT_EQ(*offsets[0].group, "g");
  EXPECT_EQ(offsets[0].committed_offset, 1);
  EXPECT_EQ(offsets[0].lag, 2);
  EXPECT_NEAR(offsets[0].lag_seconds.value_or(-1), 50, 10);
  EXPECT_FALSE(offsets[1].lag.has_value());
  EXPECT_FALSE(offsets[1].lag_seconds.has_value());
  const GroupCounts counts = Run(source_->CollectGroupCounts());
  EXPECT_EQ(counts.groups, 1);
  EXPECT_EQ(counts.empty, 1);
  EXPECT_EQ(counts.offsets, 2);

  Commit(0, 2);
  offsets = Offsets();
  EXPECT_EQ(offsets[0].lag, 1);
  EXPECT_NEAR(offsets[0].lag_seconds.value_or(-1), 20, 10) << "not the place that was known before";
  Commit(0, 3);
  offsets = Offsets();
  EXPECT_EQ(offsets[0].lag, 0);
  EXPECT_EQ(offsets[0].lag_seconds, 0.0);
  Commit(0, 9);
  EXPECT_EQ(Offsets()[0].lag, 0) << "never below nothing";
}

TEST_F(BrokerMetricsSourceTest, ControllerAndQuorum) {
  Run(source_->CollectPartitions(0, kScrapeSlice));
  const auto controller = Run(source_->CollectController());
  ASSERT_TRUE(controller.has_value());
  EXPECT_TRUE(controller->active);
  EXPECT_EQ(controller->topics, 1);
  EXPECT_EQ(controller->partitions, 2);
  EXPECT_EQ(controller->preferred_replica_imbalance, 1);
  EXPECT_EQ(controller->last_committed_offset, 49);
  const RaftSample raft = Run(source_->CollectRaft());
  EXPECT_EQ(raft.state, "leader");
  EXPECT_EQ(raft.epoch, 3);
  EXPECT_EQ(raft.log_end_offset, 51);
  const ServerSample server = Run(source_->CollectServer());
  EXPECT_THAT(server.log_directories,
              ::testing::ElementsAre(std::pair("/broken", true), std::pair("/data", false)));
  EXPECT_EQ(server.max_dirty_percent, 25);
  EXPECT_EQ(server.time_since_last_compaction_ms, 1500);
  EXPECT_GE(server.network_idle_ratio, 0);
  EXPECT_LE(server.network_idle_ratio, 1);
}

}  // namespace
}  // namespace dohle::server
