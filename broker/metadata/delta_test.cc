#include "broker/metadata/delta.h"

#include <gtest/gtest.h>

#include "broker/metadata/image_writer.h"
#include "broker/metadata/log_replay.h"
#include "broker/metadata/record.h"
#include "lib/env/posix/posix_env.h"
#include "lib/kafka/messages/client_quota_record.h"

namespace dohle::metadata {
namespace {

const TopicId kId{1, 2};

ImagePtr Empty() { return std::make_shared<const MetadataImage>(); }

VersionedRecord Topic(std::string name, const TopicId& id) {
  kafka::TopicRecord record;
  record.name = std::move(name);
  record.topic_id = id;
  return {std::move(record), 0};
}
VersionedRecord Partition(const TopicId& id, int32_t index) {
  kafka::PartitionRecord record;
  record.topic_id = id;
  record.partition_id = index;
  record.replicas = {1, 2};
  record.isr = {1};
  record.leader = 1;
  record.leader_epoch = 0;
  record.partition_epoch = 0;
  record.directories = {DirectoryId(5, 5), kUnassignedDirectory};
  return {std::move(record), 2};
}
VersionedRecord Config(std::string topic, std::string name, std::optional<std::string> value) {
  kafka::ConfigRecord record;
  record.resource_type = 2;
  record.resource_name = std::move(topic);
  record.name = std::move(name);
  record.value.reset();
  if (value.has_value()) record.value = kafka::Text(std::move(*value));
  return {std::move(record), 0};
}
VersionedRecord Remove(const TopicId& id) {
  kafka::RemoveTopicRecord record;
  record.topic_id = id;
  return {std::move(record), 0};
}

void MustReplay(MetadataDelta* delta, std::initializer_list<VersionedRecord> records) {
  for (const VersionedRecord& record : records) {
    const Status status = delta->Replay(record);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(MetadataDelta, TopicsComeChangeAndGo) {
  MetadataDelta delta(Empty());
  MustReplay(&delta, {Topic("t", kId), Partition(kId, 0), Config("t", "retention.ms", "5")});
  const MetadataUpdate created = delta.Take({Offset(2), LeaderEpoch(1), 0});
  EXPECT_TRUE(created.changes.created_topics.contains(kId));
  EXPECT_EQ(created.after->topics.Find("t")->partition_count(), 1);
  EXPECT_EQ(created.before->topics.Find("t"), nullptr);

  kafka::PartitionChangeRecord change;
  change.topic_id = kId;
  change.partition_id = 0;
  change.leader = 2;
  change.isr = std::vector<int32_t>{1, 2};
  MustReplay(&delta, {{change, 2}});
  const MetadataUpdate changed = delta.Take({Offset(3), LeaderEpoch(1), 0});
  const PartitionRegistration* partition = changed.after->topics.Partition("t", PartitionIndex(0));
  EXPECT_EQ(partition->leader, NodeId(2));
  EXPECT_EQ(partition->leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(partition->partition_epoch, PartitionEpoch(1));
  EXPECT_EQ(partition->DirectoryOf(NodeId(1)), DirectoryId(5, 5));
  EXPECT_EQ(changed.changes.partitions.at(kId), std::set<PartitionIndex>{PartitionIndex(0)});
  // The image before is as it was.
  EXPECT_EQ(changed.before->topics.Partition("t", PartitionIndex(0))->leader, NodeId(1));

  MustReplay(&delta, {Remove(kId)});
  const MetadataUpdate removed = delta.Take({Offset(4), LeaderEpoch(1), 0});
  EXPECT_EQ(removed.changes.deleted_topics.at(kId), "t");
  EXPECT_EQ(removed.after->topics.Find("t"), nullptr);
  EXPECT_TRUE(removed.after->configs.Topic("t").empty());
  EXPECT_EQ(removed.before->configs.Topic("t").at("retention.ms"), "5");
}

TEST(MetadataDelta, ATopicThatComesAndGoesWithinLeavesNoTrace) {
  MetadataDelta delta(Empty());
  MustReplay(&delta, {Topic("a.b", kId), Partition(kId, 0), Remove(kId)});
  EXPECT_TRUE(delta.changes().empty());
  EXPECT_TRUE(delta.image().topics.by_unified_name.empty());
}

TEST(MetadataDelta, RefusesWhatContradicts) {
  MetadataDelta delta(Empty());
  EXPECT_EQ(delta.Replay(Partition(kId, 0)).code(), StatusCode::kDataLoss);
  EXPECT_EQ(delta.Replay(Remove(kId)).code(), StatusCode::kDataLoss);
  MustReplay(&delta, {Topic("t", kId)});
  EXPECT_EQ(delta.Replay(Topic("t", TopicId(3, 4))).code(), StatusCode::kDataLoss);
  kafka::UnregisterBrokerRecord unregister;
  EXPECT_EQ(delta.Replay({unregister, 0}).code(), StatusCode::kDataLoss);
  EXPECT_EQ(delta.Replay(std::string_view("\x01\x7f\x00", 3)).code(), StatusCode::kUnimplemented);
  EXPECT_FALSE(delta.Replay(std::string_view("")).ok());
}

TEST(MetadataDelta, AnImageWritesItself) {
  MetadataDelta delta(Empty());
  kafka::FeatureLevelRecord feature;
  feature.name = "metadata.version";
  feature.feature_level = 30;
  kafka::ClientQuotaRecord quota;
  auto& entity = quota.entity.emplace_back();
  entity.entity_type = "user";
  entity.entity_name = kafka::Text("alice");
  quota.key = "producer_byte_rate";
  quota.value = 1024;
  kafka::ProducerIdsRecord ids;
  ids.next_producer_id = 7000;
  MustReplay(&delta, {{feature, 0},
                      Topic("t", kId),
                      Partition(kId, 0),
                      Partition(kId, 1),
                      {quota, 0},
                      {ids, 0},
                      Config("t", "a", "1"),
                      Config("t", "b", "2"),
                      Config("t", "a", std::nullopt)});
  std::vector<std::string> written;
  WriteImage(delta.image(), [&](std::string framed) { written.push_back(std::move(framed)); });
  MetadataDelta again(Empty());
  for (const std::string& framed : written) ASSERT_TRUE(again.Replay(framed).ok());
  EXPECT_EQ(again.image().features.metadata_version(), 30);
  EXPECT_EQ(*again.image().topics.Partition("t", PartitionIndex(1)),
            *delta.image().topics.Partition("t", PartitionIndex(1)));
  EXPECT_EQ(again.image().configs.Topic("t"), (ConfigMap{{"b", "2"}}));
  EXPECT_EQ(again.image().next_producer_id, ProducerId(7000));
  EXPECT_EQ(again.image().others.size(), 1u);
  quota.remove = true;
  MustReplay(&again, {{quota, 0}});
  EXPECT_TRUE(again.image().others.empty());
}

std::string Framed(const VersionedRecord& record) {
  return kafka::EncodeMetadataRecord(record.record, record.version);
}

TEST(LogReplay, TransactionsShowAtOnceOrNever) {
  LogReplay replay(Empty());
  const std::string begin = Framed({kafka::BeginTransactionRecord(), 0});
  const std::string end = Framed({kafka::EndTransactionRecord(), 0});
  const std::string abort = Framed({kafka::AbortTransactionRecord(), 0});
  ASSERT_TRUE(replay.ApplyRecord(begin).ok());
  ASSERT_TRUE(replay.ApplyRecord(Framed(Topic("aborted", kId))).ok());
  EXPECT_TRUE(replay.in_transaction());
  EXPECT_FALSE(replay.ApplyRecord(begin).ok());
  ASSERT_TRUE(replay.ApplyRecord(abort).ok());
  EXPECT_EQ(replay.image().topics.Find("aborted"), nullptr);
  ASSERT_TRUE(replay.ApplyRecord(begin).ok());
  ASSERT_TRUE(replay.ApplyRecord(Framed(Topic("kept", kId))).ok());
  ASSERT_TRUE(replay.ApplyRecord(end).ok());
  EXPECT_FALSE(replay.ApplyRecord(end).ok());
  const MetadataUpdate update = replay.Take();
  EXPECT_NE(update.after->topics.Find("kept"), nullptr);
  EXPECT_EQ(update.changes.created_topics.size(), 1u);
}

// With ten thousand topics a change costs microseconds: each commit shares what it doesn't change.
TEST(MetadataDelta, AChangeDoesNotCopyTheCluster) {
  MetadataDelta delta(Empty());
  for (uint64_t i = 0; i < 10'000; ++i) {
    MustReplay(&delta, {Topic("topic-" + std::to_string(i), TopicId(9, i)), Partition(TopicId(9, i), 0)});
  }
  std::vector<ImagePtr> held{delta.Take({}).after};
  constexpr uint64_t kTimes = 1000;
  env::PosixEnv posix({.event_loops = 1, .io_threads = 1, .own_process = false});
  const env::Clock& clock = posix.env().clock;
  const env::MonotonicTime begun = clock.Now();
  for (uint64_t i = 0; i < kTimes; ++i) {
    MustReplay(&delta, {Topic("more-" + std::to_string(i), TopicId(8, i))});
    held.push_back(delta.Take({}).after);
  }
  const double each_us = absl::ToDoubleMicroseconds(clock.Now() - begun) / kTimes;
  RecordProperty("microseconds_a_topic", std::to_string(each_us));
  printf("%.1f us for a topic\n", each_us);
  EXPECT_EQ(held.front()->topics.by_id.size(), 10'000u);
  EXPECT_EQ(held.back()->topics.by_id.size(), 11'000u);
  // Ten times the target: a slow machine isn't a defect, a copy of everything (milliseconds) is.
  EXPECT_LT(each_us, 500);
}

}  // namespace
}  // namespace dohle::metadata
