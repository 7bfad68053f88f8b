// For tests: a cluster in memory. TestCluster is the image that decisions see, FakeMetadataLog a log that
// commits at once.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "broker/controller/decision.h"
#include "broker/metadata/delta.h"
#include "broker/metadata/fake_metadata_log.h"
#include "broker/metadata/format.h"
#include "broker/metadata/image_writer.h"

namespace dohle::controller::testing {

using metadata::PartitionRegistration;
using metadata::Replicas;

inline Replicas Ids(std::initializer_list<int> ids) {
  Replicas replicas;
  for (const int id : ids) replicas.push_back(NodeId(id));
  return replicas;
}

class SeededRandom : public env::Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  uint64_t Next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

class AnyConfig : public ConfigValidator {
 public:
  std::optional<std::string> Validate(const metadata::ConfigResource&, const metadata::ConfigMap&,
                                      const metadata::ConfigMap&) const override {
    return std::nullopt;
  }
  bool IsList(metadata::ConfigResourceType, std::string_view) const override { return false; }
  std::string Default(metadata::ConfigResourceType, std::string_view) const override { return ""; }
};

class TestCluster {
 public:
  explicit TestCluster(int16_t metadata_version = metadata::kLatestMetadataVersion, bool elr = true) {
    config.node_id = NodeId(100);
    config.cluster_id = "4L6g3nShT-eMCtK--X86sw";
    SetFeature(metadata::kMetadataVersion, metadata_version);
    if (elr) SetFeature(metadata::kElrVersion, 1);
  }

  // ---- what is there

  static DirectoryId DirectoryOf(int broker, int index = 0) {
    return DirectoryId(static_cast<uint64_t>(broker), 1000 + static_cast<uint64_t>(index));
  }
  // Its epoch is 10 times its id.
  void AddBroker(int id, bool fenced = false, std::optional<std::string> rack = std::nullopt, int dirs = 1) {
    metadata::BrokerRegistration broker;
    broker.id = NodeId(id);
    broker.epoch = BrokerEpoch(id * 10);
    broker.incarnation_id = Uuid(9, static_cast<uint64_t>(id));
    broker.features = metadata::BrokerSupportedFeatures();
    broker.fenced = fenced;
    broker.rack = std::move(rack);
    for (int i = 0; i < dirs; ++i) broker.log_dirs.push_back(DirectoryOf(id, i));
    Set(broker);
  }
  void AddBrokers(std::initializer_list<int> ids) {
    for (const int id : ids) AddBroker(id);
  }
  void Set(const metadata::BrokerRegistration& broker) {
    Replay(metadata::ToRecord(broker, image().features.metadata_version()));
  }
  void SetFenced(int id, bool fenced) {
    metadata::BrokerRegistration broker = *image().cluster.Broker(NodeId(id));
    broker.fenced = fenced;
    Set(broker);
  }
  // One partition for each list of replicas: all in sync, the first leads, in the first directory.
  TopicId AddTopic(std::string name, const std::vector<Replicas>& partitions) {
    const TopicId id = random.NextUuid();
    kafka::TopicRecord record;
    record.name = std::move(name);
    record.topic_id = id;
    Replay({std::move(record), 0});
    for (size_t i = 0; i < partitions.size(); ++i) {
      PartitionRegistration partition;
      partition.replicas = partitions[i];
      partition.isr = partitions[i];
      partition.leader = partitions[i].front();
      for (const NodeId replica : partitions[i])
        partition.directories.push_back(DirectoryOf(replica.value()));
      Replay(metadata::ToRecord(id, PartitionIndex(static_cast<int32_t>(i)), partition,
                                image().features.metadata_version()));
    }
    return id;
  }
  void SetPartition(std::string_view topic, int index, const PartitionRegistration& partition) {
    Replay(metadata::ToRecord(image().topics.Find(topic)->id, PartitionIndex(index), partition,
                              image().features.metadata_version()));
  }
  void SetConfig(metadata::ConfigResourceType type, std::string resource, std::string name,
                 std::string value) {
    kafka::ConfigRecord record;
    record.resource_type = static_cast<int8_t>(type);
    record.resource_name = std::move(resource);
    record.name = std::move(name);
    record.value = kafka::Text(std::move(value));
    Replay({std::move(record), 0});
  }
  void SetFeature(std::string_view name, int16_t level) {
    kafka::FeatureLevelRecord record;
    record.name = std::string(name);
    record.feature_level = level;
    Replay({std::move(record), 0});
  }

  // ---- what decisions see and do

  const metadata::MetadataImage& image() const { return delta_.image(); }
  const PartitionRegistration& Partition(std::string_view topic, int index = 0) const {
    return *image().topics.Partition(topic, PartitionIndex(index));
  }
  DecisionContext Context() {
    return {image(), config, validator, random, next_offset, now_ms, wall_ms, voters};
  }

  void Replay(const VersionedRecord& record) {
    Replay(kafka::EncodeMetadataRecord(record.record, record.version));
  }
  // Encoded and decoded again: what a record can't carry gets lost here, too.
  void Replay(const std::string& framed) {
    const Status replayed = delta_.Replay(std::string_view(framed));
    EXPECT_TRUE(replayed.ok()) << replayed;
    ++next_offset;
  }
  void Replay(const RecordList& records) {
    for (const VersionedRecord& record : records) Replay(record);
  }
  // Lets go of what was replayed so far, so that the image is shared as a published one is.
  metadata::ImagePtr Publish() { return delta_.Take({next_offset - 1, LeaderEpoch(1), now_ms}).after; }

  ControllerConfig config;
  AnyConfig validator;
  SeededRandom random{1};
  Offset next_offset{1000};
  int64_t now_ms = 0;
  int64_t wall_ms = 1'000'000;
  std::vector<VoterState> voters;

 private:
  metadata::MetadataDelta delta_{std::make_shared<const metadata::MetadataImage>()};
};

class FakeMetadataLog : public metadata::FakeMetadataLog {
 public:
  explicit FakeMetadataLog(TestCluster& cluster) : cluster_(cluster) { SetImage(cluster_.Publish()); }

  // Leads in the next epoch; what was decided before stays.
  LeaderEpoch Lead() {
    leading_ = true;
    return ++epoch_;
  }
  void LoseLeadership() { leading_ = false; }
  std::vector<NodeId> voters;
  std::vector<size_t> batches;  // how many records each write had, without those that had none

  env::Task<StatusOr<Offset>> Write(metadata::Decide decide) override {
    if (!leading_) co_return Status(StatusCode::kUnavailable, "not the leader");
    const metadata::EncodedRecords records = decide({cluster_.image(), cluster_.next_offset, epoch_, 0});
    for (const std::string& record : records) cluster_.Replay(record);
    if (!records.empty()) batches.push_back(records.size());
    SetImage(cluster_.Publish());
    co_return cluster_.next_offset;
  }
  metadata::QuorumDescription Describe() const override {
    metadata::QuorumDescription quorum;
    quorum.leader_epoch = epoch_;
    for (const NodeId id : voters) {
      raft::Voter voter;
      voter.key.id = id;
      quorum.voter_set.voters.push_back(voter);
    }
    return quorum;
  }

 private:
  TestCluster& cluster_;
  LeaderEpoch epoch_{0};
  bool leading_ = false;
};

}  // namespace dohle::controller::testing
