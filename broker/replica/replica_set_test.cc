#include "broker/replica/replica_set.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/replica/replica_fetchers.h"
#include "broker/storage/meta_properties.h"
#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"

namespace dohle::replica {
namespace {

using metadata::MetadataImage;
using metadata::MetadataUpdate;
using metadata::PartitionRegistration;
using storage::testing::TestDirectory;

constexpr NodeId kSelf{1}, kTwo{2}, kThree{3};
constexpr TopicId kTopic{0, 7};
constexpr TopicId kAgain{0, 8};

class ReplicaSetTest : public testing::Test {
 protected:
  ReplicaSetTest() : posix_({.event_loops = 2, .io_threads = 2, .own_process = false}) {
    posix_.Start();
    const storage::MetaProperties properties{"cluster", kSelf, Uuid(1000, 0)};
    EXPECT_TRUE(storage::FormatLogDirectory(directory_.file_system(), Path(), properties, 0).ok());
    image_ = std::make_shared<MetadataImage>();
    Start();
  }
  ~ReplicaSetTest() override {
    Stop();
    posix_.Stop();
  }

  std::string Path() const { return directory_.path() + "/d"; }
  void Start() {
    auto opened = storage::LogRegistry::Open(directory_.file_system(), posix_.env().random, {Path()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    logs_ = std::move(*opened);
    partitions_ = std::make_unique<PartitionRegistry>();
    ReplicaSetOptions options;
    options.node_id = kSelf;
    options.incarnation_id = incarnation_;
    const auto config = std::make_shared<const storage::LogConfig>();
    replicas_ =
        std::make_unique<ReplicaSet>(options, posix_.env(), *logs_, *partitions_,
                                     [config](const MetadataImage&, std::string_view) { return config; });
    FetcherOptions fetching;
    fetching.plan.node_id = kSelf;
    fetching.endpoint_of = [](NodeId) { return std::nullopt; };
    fetching.broker_epoch = [] { return BrokerEpoch(5); };
    fetching.metadata_version = [] { return int16_t{30}; };
    fetching.write_checkpoints = [this] { return replicas_->WriteCheckpoints(); };
    fetchers_ = std::make_unique<ReplicaFetchers>(fetching, posix_.env());
    replicas_->SetFetchers(fetchers_.get());
    published_ = std::make_shared<MetadataImage>();
  }
  void Stop() {
    Run(fetchers_->Stop());
    if (closes_logs_) {
      EXPECT_TRUE(Run(replicas_->ShutDown(BrokerEpoch(5))).ok());
    }
    replicas_.reset();
    logs_.reset();
  }
  template <typename T>
  T Run(env::Task<T> task) {
    return env::RunAndWait(*posix_.env().executors.front(), std::move(task));
  }

  // Changes of the next update.
  PartitionRegistration& Change(int32_t index, const TopicId& id = kTopic, const std::string& name = "t") {
    if (!image_->topics.by_id.Contains(id)) {
      metadata::TopicImage topic;
      topic.name = name;
      topic.id = id;
      image_->topics.by_id.Set(id, topic);
      image_->topics.ids.Set(name, id);
      changes_.created_topics.insert(id);
    }
    metadata::TopicImage* topic = image_->topics.by_id.FindMutable(id);
    if (!topic->partitions.Contains(PartitionIndex(index))) topic->partitions.Set(PartitionIndex(index), {});
    changes_.partitions[id].insert(PartitionIndex(index));
    return *topic->partitions.FindMutable(PartitionIndex(index));
  }
  void Assign(int32_t index, std::vector<NodeId> replicas, NodeId leader, const TopicId& id = kTopic) {
    PartitionRegistration& partition = Change(index, id);
    partition.replicas.assign(replicas.begin(), replicas.end());
    partition.isr = partition.replicas;
    partition.leader = leader;
    partition.leader_epoch = partition.leader_epoch + 1;
    partition.partition_epoch = partition.partition_epoch + 1;
  }
  void Delete(const TopicId& id, const std::string& name) {
    image_->topics.by_id.Erase(id);
    image_->topics.ids.Erase(name);
    changes_.deleted_topics[id] = name;
    changes_.partitions.erase(id);
  }
  void Publish(bool everything = false) {
    MetadataUpdate update;
    update.before = published_;
    update.after = std::make_shared<const MetadataImage>(*image_);
    update.changes = std::exchange(changes_, {});
    update.changes.everything = everything;
    if (everything) update.changes.partitions.clear();
    Run(replicas_->Publish(update));
    published_ = update.after;
  }

  // "2: 10, 3: 1": how many partitions are followed of whom.
  std::string FollowedNow() {
    std::map<NodeId, size_t> counts;
    for (const FetcherView& view : Run(fetchers_->Health()).fetchers) counts[view.leader] += view.partitions;
    std::string text;
    for (const auto& [leader, count] : counts) {
      if (count > 0) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", leader.value(), count);
    }
    return text;
  }
  // The fetchers take over what they are told a moment later.
  bool Follows(const std::string& expected) {
    const env::MonotonicTime began = posix_.env().clock.Now();
    while (FollowedNow() != expected) {
      if (posix_.env().clock.Now() - began > absl::Seconds(20)) {
        ADD_FAILURE() << FollowedNow() << " and not " << expected;
        return false;
      }
    }
    return true;
  }
  std::shared_ptr<Partition> Find(int32_t index, const TopicId& id = kTopic) {
    return partitions_->Find(id, PartitionIndex(index));
  }
  PartitionSummary Summary(int32_t index, const TopicId& id = kTopic) {
    return Run(Find(index, id)->Summarize());
  }
  void Append(int32_t index) {
    std::string batch = storage::testing::SimpleBatch(3);
    auto appended = Run(Find(index)->Append({batch.data(), batch.size()}, {}));
    EXPECT_TRUE(appended.ok()) << appended.status();
  }
  // A new log has its files after the second call.
  void CreateFiles() {
    Run(replicas_->CreateFiles());
    Run(replicas_->CreateFiles());
  }
  // Entries of the log directory that belong to partitions, without the unique part of removed ones.
  std::vector<std::string> Directories() {
    std::vector<std::string> names;
    const auto entries = directory_.file_system().List(Path());
    for (const auto& entry : *entries) {
      std::string name = entry.name;
      if (name.rfind("t-", 0) != 0) continue;
      const size_t dot = name.find('.');
      if (dot != std::string::npos) name = name.substr(0, dot) + name.substr(name.rfind('-'));
      names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void Register(const Uuid& incarnation) {
    metadata::BrokerRegistration registration;
    registration.id = kSelf;
    registration.incarnation_id = incarnation;
    image_->cluster.brokers.Set(kSelf, registration);
  }

  Uuid incarnation_;         // of the next start; zero: it registers with nobody
  bool closes_logs_ = true;  // false: as a crash; for tests with very many logs
  env::PosixEnv posix_;
  TestDirectory directory_;
  std::unique_ptr<storage::LogRegistry> logs_;
  std::unique_ptr<PartitionRegistry> partitions_;
  std::unique_ptr<ReplicaSet> replicas_;
  std::unique_ptr<ReplicaFetchers> fetchers_;
  std::shared_ptr<MetadataImage> image_;
  metadata::ImagePtr published_;
  metadata::ImageChanges changes_;
};

using Names = std::vector<std::string>;

TEST_F(ReplicaSetTest, LeadsAndFollowsAsTheMetadataSays) {
  Publish(true);
  Assign(0, {kSelf, kTwo}, kSelf);
  Assign(1, {kSelf, kTwo}, kTwo);
  Assign(2, {kSelf, kThree}, kThree);
  Assign(3, {kThree, kTwo}, kThree);
  Publish();
  EXPECT_EQ(Directories(), Names()) << "nothing is written while the metadata waits";
  Run(replicas_->CreateFiles());
  EXPECT_EQ(Directories(), Names()) << "who makes many topics isn't disturbed";
  Run(replicas_->CreateFiles());
  EXPECT_EQ(Directories(), (Names{"t-0", "t-1", "t-2"}));
  EXPECT_TRUE(Summary(0).leader);
  EXPECT_EQ(Find(3), nullptr);
  EXPECT_TRUE(Follows("2: 1, 3: 1"));
  Assign(0, {kSelf, kTwo}, kTwo);
  Assign(1, {kSelf, kTwo}, kSelf);
  Assign(2, {kSelf, kThree}, kTwo);
  Publish();
  EXPECT_TRUE(Summary(1).leader);
  EXPECT_TRUE(Follows("2: 2"));
  // Nobody leads; and a change that isn't one of leaders changes nothing.
  Assign(0, {kSelf, kTwo}, kNoNode);
  Change(2).partition_epoch = PartitionEpoch(9);
  Publish();
  EXPECT_TRUE(Follows("2: 1"));
  Assign(0, {kSelf, kTwo}, kThree);
  Publish();
  EXPECT_TRUE(Follows("2: 1, 3: 1"));
}

TEST_F(ReplicaSetTest, AReplicaThatIsReassignedLeavesAndMayComeBackEmpty) {
  Publish(true);
  Assign(0, {kSelf, kTwo}, kSelf);
  Assign(1, {kSelf, kTwo}, kTwo);
  Publish();
  Append(0);
  const std::shared_ptr<Partition> held = Find(0);
  Assign(0, {kTwo, kThree}, kTwo);
  Assign(1, {kTwo, kThree}, kTwo);
  Publish();
  EXPECT_EQ(Find(0), nullptr);
  EXPECT_EQ(partitions_->size(), 0U);
  EXPECT_TRUE(Follows(""));
  EXPECT_EQ(Directories(), Names{"t-0-delete"}) << "t-1 never had a directory";
  std::string batch = storage::testing::SimpleBatch(3);
  auto refused = Run(held->Append({batch.data(), batch.size()}, {}));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  Assign(0, {kTwo, kSelf}, kTwo);
  Publish();
  EXPECT_TRUE(Follows("2: 1"));
  EXPECT_EQ(Summary(0).log_end_offset, Offset(0));
  CreateFiles();
  EXPECT_EQ(Directories(), (Names{"t-0", "t-0-delete"}));
}

TEST_F(ReplicaSetTest, ATopicThatIsMadeAnewUnderItsNameIsAnother) {
  Publish(true);
  Assign(0, {kSelf, kTwo}, kSelf);
  Publish();
  Append(0);
  Delete(kTopic, "t");
  Assign(0, {kSelf, kTwo}, kTwo, kAgain);
  Publish();
  EXPECT_EQ(Find(0), nullptr);
  EXPECT_EQ(Summary(0, kAgain).log_end_offset, Offset(0));
  EXPECT_TRUE(Follows("2: 1"));
  CreateFiles();
  EXPECT_EQ(Directories(), (Names{"t-0", "t-0-delete"}));
}

TEST_F(ReplicaSetTest, WhatACrashLeftWithoutFilesIsMadeAnew) {
  Publish(true);
  for (int i = 0; i < 3; ++i) Assign(i, {kSelf, kTwo}, kSelf);
  Publish();
  Append(1);
  EXPECT_EQ(Directories(), Names{"t-1"});
  closes_logs_ = false;
  Stop();
  Start();
  Publish(true);
  EXPECT_EQ(Summary(0).log_end_offset, Offset(0));
  EXPECT_EQ(Summary(1).log_end_offset, Offset(3));
  Append(2);
  EXPECT_EQ(Summary(2).log_end_offset, Offset(3));
  CreateFiles();
  EXPECT_EQ(Directories(), (Names{"t-0", "t-1", "t-2"}));
}

TEST_F(ReplicaSetTest, ASnapshotIsComparedWithWhatIsHere) {
  Publish(true);
  for (int i = 0; i < 4; ++i) Assign(i, {kSelf, kTwo}, i == 0 ? kSelf : kTwo);
  Publish();
  Append(0);
  Assign(1, {kTwo, kThree}, kTwo);
  Assign(2, {kSelf, kThree}, kThree);
  Assign(4, {kSelf}, kSelf);
  Publish(true);
  EXPECT_EQ(Summary(0).log_end_offset, Offset(3));
  EXPECT_EQ(Find(1), nullptr);
  EXPECT_TRUE(Summary(4).leader);
  EXPECT_TRUE(Follows("2: 1, 3: 1"));
}

TEST_F(ReplicaSetTest, AStartFindsItsReplicasAndSetsStraysAside) {
  Publish(true);
  for (int i = 0; i < 3; ++i) Assign(i, {kSelf, kTwo}, kSelf);
  Publish();
  for (int i = 0; i < 3; ++i) Append(i);
  Stop();
  Start();
  // While it was away.
  Assign(0, {kSelf, kTwo}, kTwo);
  Assign(1, {kTwo, kThree}, kTwo);
  Assign(5, {kSelf, kTwo}, kTwo);
  Publish(true);
  EXPECT_TRUE(Follows("2: 2"));
  EXPECT_EQ(Summary(0).log_end_offset, Offset(3));
  EXPECT_TRUE(Summary(2).leader);
  CreateFiles();
  EXPECT_EQ(Directories(), (Names{"t-0", "t-1-stray", "t-2", "t-5"}));
}

// What it led is in the metadata on its disk: of an epoch in which it may have written what it has forgotten.
TEST_F(ReplicaSetTest, LeadsNothingBeforeItsRegistration) {
  constexpr Uuid kBefore{0, 1}, kOurs{0, 2};
  Register(kBefore);
  Publish(true);
  Assign(0, {kSelf, kTwo}, kSelf);
  Assign(1, {kSelf, kTwo}, kTwo);
  Publish();
  Stop();
  incarnation_ = kOurs;
  Start();
  Publish(true);
  EXPECT_FALSE(Summary(0).leader);
  EXPECT_TRUE(Follows("2: 1"));
  // Elected while its session goes on.
  Assign(1, {kSelf, kTwo}, kSelf);
  Publish();
  EXPECT_FALSE(Summary(0).leader || Summary(1).leader);
  // The registration itself needs touch no partition.
  Register(kOurs);
  Publish();
  EXPECT_TRUE(Summary(0).leader && Summary(1).leader);
  EXPECT_TRUE(Follows(""));
  Register(kBefore);
  Assign(2, {kSelf, kTwo}, kSelf);
  Publish();
  EXPECT_TRUE(Summary(2).leader);
}

TEST_F(ReplicaSetTest, ManyPartitionsChangeLeadersAtOnce) {
  constexpr int kPartitions = 10'000;
  closes_logs_ = false;
  Publish(true);
  for (int i = 0; i < kPartitions; ++i) Assign(i, {kSelf, kTwo, kThree}, i % 2 == 0 ? kTwo : kThree);
  Publish();
  EXPECT_TRUE(Follows(fmt::format("2: {0}, 3: {0}", kPartitions / 2)));
  for (int i = 0; i < kPartitions; i += 2) Assign(i, {kSelf, kTwo, kThree}, i % 4 == 0 ? kSelf : kThree);
  const env::MonotonicTime began = posix_.env().clock.Now();
  Publish();
  const env::MonotonicTime published = posix_.env().clock.Now();
  EXPECT_TRUE(Follows(fmt::format("3: {}", kPartitions / 4 * 3)));
  const env::MonotonicTime followed = posix_.env().clock.Now();
  fmt::print("{} new leaders: published in {} ms, followed after {} ms\n", kPartitions / 2,
             absl::ToInt64Milliseconds(published - began), absl::ToInt64Milliseconds(followed - began));
  // Some milliseconds, but for sanitizers and busy machines.
  EXPECT_LT(published - began, absl::Seconds(1));
}

}  // namespace
}  // namespace dohle::replica
