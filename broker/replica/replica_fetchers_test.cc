#include "broker/replica/replica_fetchers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "broker/replica/fake_leader.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {
namespace {

constexpr TopicId kTopic{0, 7};
constexpr uint16_t kPort = 9092;
constexpr NodeId kSelf{1};
constexpr NodeId kLeader{2};

TopicIdPartition Key(int32_t partition) { return {kTopic, PartitionIndex(partition)}; }

std::unique_ptr<storage::Log> OpenLog(env::SimNode& node, int32_t partition) {
  storage::LogOpenOptions options;
  options.file_system = &node.env().file_system;
  options.directory = fmt::format("/data/t-{}", partition);
  options.partition = {"t", PartitionIndex(partition)};
  options.config = std::make_shared<const storage::LogConfig>();
  EXPECT_TRUE(options.file_system->CreateDirectories(options.directory).ok());
  auto log = storage::Log::Open(options);
  EXPECT_TRUE(log.ok()) << log.status();
  return std::move(*log);
}

std::string BytesOf(storage::Log& log) {
  std::string all;
  for (Offset offset = log.log_start_offset(); offset < log.log_end_offset();) {
    storage::ReadOptions read;
    read.offset = offset;
    read.max_bytes = 1 << 20;
    read.upper_bound = log.log_end_offset();
    auto result = log.Read(read);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok() || result->records.length < storage::kBatchHeaderBytes) break;
    std::string bytes(result->records.length, '\0');
    EXPECT_TRUE(result->records.file->ReadAt(result->records.position, bytes.data(), bytes.size()).ok());
    size_t at = 0;
    while (at + storage::kBatchHeaderBytes <= bytes.size()) {
      const storage::BatchHeader header = storage::DecodeBatchHeader(bytes.data() + at);
      if (at + static_cast<size_t>(header.size()) > bytes.size()) break;
      at += static_cast<size_t>(header.size());
      offset = header.next_offset();
    }
    all += bytes.substr(0, at);
  }
  return all;
}

void AppendTo(storage::Log& log, LeaderEpoch epoch, int records, char fill = 'v') {
  std::string batch = storage::testing::SimpleBatch(records, 1000, 10, fill);
  EXPECT_TRUE(log.Append({batch.data(), batch.size()}, storage::AppendOrigin::kClient, epoch, 1000).ok());
}

class ReplicaFetchersTest : public testing::Test {
 protected:
  ReplicaFetchersTest() {
    world_.network().set_pieces(false);
    leader_.broker.delay = absl::Milliseconds(5);
    options_.plan.node_id = kSelf;
    options_.socket_timeout = absl::Seconds(5);
    options_.endpoint_of = [this](NodeId leader) { return endpoints_.at(leader); };
    options_.broker_epoch = [] { return BrokerEpoch(55); };
    options_.metadata_version = [] { return int16_t{30}; };
    options_.write_checkpoints = [this] { return WriteCheckpoints(&checkpoints_, checkpoint_); };
  }
  ~ReplicaFetchersTest() override {
    if (fetchers_ != nullptr) Run(fetchers_->Stop());
    for (auto& [index, partition] : partitions_) Run(Forget(partition));
  }

  static env::Task<Status> WriteCheckpoints(int* count, Status result) {
    ++*count;
    co_return result;
  }
  static env::Task<void> Forget(std::shared_ptr<Partition> partition) { co_await partition->Release(); }
  static env::Task<void> Note(env::Task<void> task, bool* done) {
    co_await std::move(task);
    *done = true;
  }
  void Run(env::Task<void> task) {
    bool done = false;
    env::Spawn(*follower_node_.env().executors.front(), Note(std::move(task), &done));
    EXPECT_TRUE(world_.RunUntil([&] { return done; }, absl::Minutes(1)));
  }
  template <typename T>
  static env::Task<void> Keep(env::Task<T> task, std::optional<T>* to) {
    to->emplace(co_await std::move(task));
  }
  template <typename T>
  T Get(env::Task<T> task) {
    std::optional<T> result;
    env::Spawn(*follower_node_.env().executors.front(), Keep(std::move(task), &result));
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Minutes(1)));
    return std::move(*result);
  }

  // The leader leads it in `epoch`, the follower has an empty log of it.
  storage::Log& Lead(int32_t partition, int32_t epoch = 0) {
    auto& log = leader_logs_[partition];
    if (log == nullptr) log = OpenLog(leader_node_, partition);
    EXPECT_TRUE(log->AssignEpochStart(LeaderEpoch(epoch), log->log_end_offset()).ok());
    LedPartition& led = leader_.led[Key(partition)];
    led.log = log.get();
    led.leader_epoch = LeaderEpoch(epoch);
    return *log;
  }
  std::shared_ptr<Partition> Replica(int32_t partition) {
    auto& replica = partitions_[partition];
    if (replica == nullptr) {
      storage::LoadedLog loaded;
      loaded.partition = {"t", PartitionIndex(partition)};
      loaded.topic_id = kTopic;
      loaded.log = OpenLog(follower_node_, partition);
      logs_[partition] = loaded.log.get();
      replica = std::make_shared<Partition>(kSelf, std::move(loaded), Offset(0),
                                            follower_node_.env().blocking_pool);
    }
    return replica;
  }
  void SetLeader(int32_t partition, NodeId leader, int32_t epoch) {
    Leadership leadership;
    leadership.leader = leader;
    leadership.leader_epoch = LeaderEpoch(epoch);
    leadership.partition_epoch = PartitionEpoch(epoch);
    leadership.in_sync_replicas = {kSelf, kLeader};
    leadership.replicas = {kSelf, kLeader};
    EXPECT_TRUE(Get(Replica(partition)->SetLeadership(std::move(leadership))).ok());
  }
  // As ReplicaSet does.
  void Follow(std::vector<int32_t> partitions, int32_t epoch = 0, NodeId leader = kLeader) {
    std::vector<ReplicaFetchers::Change> changes;
    for (const int32_t partition : partitions) {
      SetLeader(partition, leader, epoch);
      changes.push_back({Replica(partition), leader == kSelf ? kNoNode : leader});
    }
    Run(Fetchers().Follow(std::move(changes)));
  }
  ReplicaFetchers& Fetchers() {
    if (fetchers_ == nullptr)
      fetchers_ =
          std::make_unique<ReplicaFetchers>(options_, follower_node_.env(), FetcherCounters(), quota_);
    return *fetchers_;
  }
  Offset End(int32_t partition) { return logs_.at(partition)->log_end_offset(); }
  bool Same(int32_t partition) {
    return End(partition) == leader_logs_.at(partition)->log_end_offset() &&
           BytesOf(*logs_.at(partition)) == BytesOf(*leader_logs_.at(partition));
  }
  bool CatchesUp(int32_t partition, absl::Duration limit = absl::Seconds(5)) {
    return world_.RunUntil([&] { return Same(partition); }, limit);
  }

  env::SimWorld world_{11};
  env::SimNode& leader_node_ = world_.AddNode("leader");
  env::SimNode& other_node_ = world_.AddNode("other");
  env::SimNode& follower_node_ = world_.AddNode("follower");
  FakeLeader leader_{leader_node_, kPort};
  std::map<NodeId, std::optional<env::Endpoint>> endpoints_{{kLeader, env::Endpoint{"leader", kPort}},
                                                            {NodeId(3), env::Endpoint{"other", kPort}}};
  std::map<int32_t, std::unique_ptr<storage::Log>> leader_logs_;
  std::map<int32_t, storage::Log*> logs_;  // the partitions' own
  std::map<int32_t, std::shared_ptr<Partition>> partitions_;
  FetcherOptions options_;
  ReplicationQuota* quota_ = nullptr;
  int checkpoints_ = 0;
  Status checkpoint_;
  std::unique_ptr<ReplicaFetchers> fetchers_;
};

TEST_F(ReplicaFetchersTest, CopiesWhatTheLeaderHasAndGets) {
  for (int i = 0; i < 3; ++i) AppendTo(Lead(i), LeaderEpoch(0), 10 + i);
  Follow({0, 1, 2});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(CatchesUp(i)) << i;
  EXPECT_EQ(leader_.follower.replica_id, 1);
  EXPECT_EQ(leader_.follower.replica_epoch, 55);
  AppendTo(*leader_logs_[1], LeaderEpoch(0), 5);
  EXPECT_TRUE(CatchesUp(1, absl::Milliseconds(100)));
  // The leader learns of it, and what it then says is committed gets here.
  EXPECT_TRUE(
      world_.RunUntil([&] { return leader_.led[Key(1)].fetched_to == Offset(16); }, absl::Milliseconds(100)));
  leader_.led[Key(1)].high_watermark = Offset(16);
  world_.RunFor(absl::Milliseconds(50));
  EXPECT_EQ(Get(Replica(1)->Summarize()).high_watermark, Offset(16));
  EXPECT_EQ(leader_.full_fetches, 1);
  EXPECT_EQ(leader_.broker.connections, 1);
  EXPECT_EQ(leader_.broker.most_under_way, 1);
  const FetchersHealth health = Get(Fetchers().Health());
  ASSERT_EQ(health.fetchers.size(), 1U);
  EXPECT_EQ(health.fetchers[0].partitions, 3U);
  EXPECT_GT(health.fetchers[0].bytes, 300);
}

TEST_F(ReplicaFetchersTest, SurvivesTheLossOfConnectionsAndSessions) {
  Lead(0);
  Follow({0});
  world_.RunFor(absl::Milliseconds(50));
  for (int round = 0; round < 10; ++round) {
    AppendTo(*leader_logs_[0], LeaderEpoch(0), 3);
    if (round % 3 == 0) world_.network().ResetConnections("leader", "follower");
    if (round % 3 == 1) leader_.ForgetSession();
    EXPECT_TRUE(CatchesUp(0, absl::Milliseconds(300))) << round;
  }
  EXPECT_EQ(leader_.broker.connections, 1 + 4);
  EXPECT_EQ(leader_.full_fetches, 1 + 4 + 3);
}

TEST_F(ReplicaFetchersTest, ALeaderThatIsAwayIsTriedUntilItIsBack) {
  AppendTo(Lead(0), LeaderEpoch(0), 3);
  endpoints_[kLeader] = std::nullopt;
  Follow({0});
  world_.RunFor(absl::Seconds(20));
  endpoints_[kLeader] = env::Endpoint{"leader", 1};  // nobody listens
  world_.RunFor(absl::Seconds(20));
  EXPECT_EQ(leader_.broker.connections, 0);
  endpoints_[kLeader] = env::Endpoint{"leader", kPort};
  EXPECT_TRUE(CatchesUp(0, absl::Seconds(2)));
}

TEST_F(ReplicaFetchersTest, AHostThatAnsweredNothingIsAskedAgainSoon) {
  options_.socket_timeout = absl::Seconds(30);
  AppendTo(Lead(0), LeaderEpoch(0), 3);
  world_.network().CutBothWays("leader", "follower");
  Follow({0});
  world_.RunFor(absl::Seconds(20));
  world_.network().ResetConnections("leader", "follower");  // what was on its way never comes
  world_.network().HealAll();
  EXPECT_TRUE(CatchesUp(0, absl::Seconds(4)));
}

TEST_F(ReplicaFetchersTest, FollowsTheNextLeader) {
  AppendTo(Lead(0), LeaderEpoch(0), 3);
  AppendTo(Lead(1), LeaderEpoch(0), 3);
  Follow({0, 1});
  EXPECT_TRUE(CatchesUp(0) && CatchesUp(1));
  // A host that swallows everything must neither hold up changes nor the end.
  world_.network().CutBothWays("follower", "other");
  Follow({0}, 1, NodeId(3));
  world_.RunFor(absl::Seconds(1));
  const int asked = leader_.led[Key(0)].asked;
  AppendTo(Lead(0, 2), LeaderEpoch(2), 4);
  AppendTo(*leader_logs_[1], LeaderEpoch(0), 4);
  EXPECT_TRUE(CatchesUp(1, absl::Milliseconds(100)));
  EXPECT_EQ(leader_.led[Key(0)].asked, asked);
  Follow({0}, 2);
  EXPECT_TRUE(CatchesUp(0, absl::Milliseconds(100)));
  Follow({1}, 3, kSelf);
  world_.RunFor(absl::Milliseconds(50));
  const int asked_one = leader_.led[Key(1)].asked;
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(leader_.led[Key(1)].asked, asked_one);
}

TEST_F(ReplicaFetchersTest, WhatJoinsDoesNotWaitForALongPoll) {
  leader_.broker.delay = absl::Milliseconds(500);
  Lead(0);
  Follow({0});
  world_.RunFor(absl::Seconds(1));
  AppendTo(Lead(1), LeaderEpoch(0), 3);
  AppendTo(Lead(2), LeaderEpoch(0), 3);
  leader_.broker.delay = absl::ZeroDuration();
  Follow({1});
  EXPECT_TRUE(CatchesUp(1, absl::Milliseconds(10)));
  leader_.broker.delay = absl::Milliseconds(500);
  world_.RunFor(absl::Milliseconds(10));
  leader_.broker.delay = absl::ZeroDuration();
  // Not too often: a session is thrown away for it.
  Follow({2});
  EXPECT_TRUE(CatchesUp(2, absl::Milliseconds(220)));
}

TEST_F(ReplicaFetchersTest, AnIdleClusterIsCheap) {
  leader_.broker.delay = absl::Milliseconds(500);
  for (int i = 0; i < 20; ++i) Lead(i);
  std::vector<int32_t> all;
  for (int i = 0; i < 20; ++i) all.push_back(i);
  Follow(all);
  world_.RunFor(absl::Seconds(1));
  const int before = leader_.fetches;
  world_.RunFor(absl::Seconds(60));
  EXPECT_LE(leader_.fetches - before, 121);
  EXPECT_EQ(leader_.max_wait_ms, 500);
}

// What the replica has that the leader hasn't goes, epoch by epoch.
TEST_F(ReplicaFetchersTest, CutsOffWhatTheLeaderDoesNotHave) {
  storage::Log& leader = Lead(0, 1);
  AppendTo(leader, LeaderEpoch(1), 10);
  Follow({0}, 1);
  EXPECT_TRUE(CatchesUp(0));
  Follow({0}, 2, kSelf);
  AppendTo(*logs_[0], LeaderEpoch(2), 4, 'x');
  Follow({0}, 4, kSelf);
  AppendTo(*logs_[0], LeaderEpoch(4), 4, 'y');
  ASSERT_TRUE(leader.AssignEpochStart(LeaderEpoch(3), Offset(10)).ok());
  AppendTo(leader, LeaderEpoch(3), 2);
  AppendTo(Lead(0, 5), LeaderEpoch(5), 7);
  Follow({0}, 5);
  EXPECT_TRUE(CatchesUp(0));
  EXPECT_EQ(End(0), Offset(19));
}

// It led an epoch in which nothing was written.
TEST_F(ReplicaFetchersTest, AnEpochWithoutRecordsDoesNotHoldItUp) {
  AppendTo(Lead(0, 1), LeaderEpoch(1), 10);
  Follow({0}, 1);
  EXPECT_TRUE(CatchesUp(0));
  Follow({0}, 2, kSelf);
  AppendTo(Lead(0, 3), LeaderEpoch(3), 3);
  Follow({0}, 3);
  EXPECT_TRUE(CatchesUp(0));
  EXPECT_EQ(checkpoints_, 0);
}

TEST_F(ReplicaFetchersTest, NothingIsAppendedBeforeTheCheckpointOfATruncation) {
  AppendTo(Lead(0, 1), LeaderEpoch(1), 10);
  Follow({0}, 1);
  EXPECT_TRUE(CatchesUp(0));
  Follow({0}, 2, kSelf);
  AppendTo(*logs_[0], LeaderEpoch(2), 4, 'x');
  EXPECT_TRUE(Get(Replica(0)->Flush(1000)).ok());
  EXPECT_EQ(logs_[0]->recovery_point(), Offset(14));
  AppendTo(Lead(0, 3), LeaderEpoch(3), 7);
  checkpoint_ = MakeStatus(StatusCode::kResourceExhausted, "no space");
  Follow({0}, 3);
  world_.RunFor(absl::Seconds(5));
  EXPECT_GT(checkpoints_, 0);
  EXPECT_EQ(End(0), Offset(10));
  checkpoint_ = OkStatus();
  EXPECT_TRUE(CatchesUp(0));
}

TEST_F(ReplicaFetchersTest, OutOfRange) {
  struct Case {
    const char* name;
    int ours, leaders_start, leaders_end;
  };
  int32_t partition = 0;
  for (const Case& c :
       {Case{"the leader has deleted what is missing here", 5, 20, 30}, Case{"nothing here", 0, 20, 30},
        Case{"in the middle of a batch", 0, 22, 30}, Case{"just its beginning", 20, 20, 30}}) {
    SCOPED_TRACE(c.name);
    storage::Log& leader = Lead(++partition, 1);
    for (int i = 0; i < c.leaders_end; i += 5) AppendTo(leader, LeaderEpoch(1), 5);
    ASSERT_TRUE(leader.AdvanceLogStartOffset(Offset(c.leaders_start)).ok());
    Follow({partition}, 0, kSelf);
    for (int i = 0; i < c.ours; ++i) AppendTo(*logs_[partition], LeaderEpoch(0), 1, 'x');
    Follow({partition}, 1);
    EXPECT_TRUE(CatchesUp(partition));
    EXPECT_EQ(logs_[partition]->log_start_offset(), Offset(c.leaders_start));
  }
}

TEST_F(ReplicaFetchersTest, ALogPastTheLeadersEndWithoutEpochsIsCutOff) {
  AppendTo(Lead(0, 1), LeaderEpoch(1), 5);
  SetLeader(0, NodeId(3), 0);
  ASSERT_TRUE(Get(Replica(0)->RestartAt(LeaderEpoch(0), Offset(40))).ok());
  Follow({0}, 1);
  EXPECT_TRUE(world_.RunUntil([&] { return End(0) == Offset(5); }, absl::Seconds(5)));
}

TEST_F(ReplicaFetchersTest, ErrorsOfOnePartitionDoNotTouchTheOthers) {
  AppendTo(Lead(0), LeaderEpoch(0), 3);
  AppendTo(Lead(1), LeaderEpoch(0), 3);
  leader_.led[Key(0)].corrupt = true;
  Follow({0, 1});
  EXPECT_TRUE(CatchesUp(1, absl::Seconds(1)));
  world_.RunFor(absl::Seconds(10));
  EXPECT_EQ(End(0), Offset(0));
  // No faster than the back-off.
  EXPECT_LT(leader_.led[Key(0)].asked, 25);
  leader_.led[Key(0)].corrupt = false;
  EXPECT_TRUE(CatchesUp(0, absl::Seconds(2)));
}

TEST_F(ReplicaFetchersTest, AFencedPartitionWaitsForTheMetadata) {
  AppendTo(Lead(0, 4), LeaderEpoch(4), 3);
  Follow({0}, 3);
  world_.RunFor(absl::Seconds(10));
  EXPECT_EQ(leader_.led[Key(0)].asked, 1);
  EXPECT_EQ(Get(Fetchers().Health()).failed_partitions, 1);
  Follow({0}, 4);
  EXPECT_TRUE(CatchesUp(0, absl::Seconds(1)));
  EXPECT_EQ(Get(Fetchers().Health()).failed_partitions, 0);
}

TEST_F(ReplicaFetchersTest, ALeaderThatLearnsLaterIsAskedAgainSoon) {
  AppendTo(Lead(0, 3), LeaderEpoch(3), 3);
  Follow({0}, 4);
  world_.RunFor(absl::Milliseconds(20));
  EXPECT_EQ(End(0), Offset(0));
  AppendTo(Lead(0, 4), LeaderEpoch(4), 3);
  EXPECT_TRUE(CatchesUp(0, absl::Milliseconds(60)));
}

TEST_F(ReplicaFetchersTest, AFailedDiskTakesThePartitionOut) {
  AppendTo(Lead(0), LeaderEpoch(0), 3);
  AppendTo(Lead(1), LeaderEpoch(0), 3);
  Replica(0);
  follower_node_.disk().AddFault({.pattern = "/data/t-0/*", .op = env::DiskOp::kWrite});
  Follow({0, 1});
  EXPECT_TRUE(CatchesUp(1, absl::Seconds(1)));
  world_.RunFor(absl::Seconds(10));
  EXPECT_EQ(leader_.led[Key(0)].asked, 1);
  EXPECT_EQ(Get(Fetchers().Health()).failed_partitions, 1);
}

TEST_F(ReplicaFetchersTest, AFullDiskIsTriedAgain) {
  AppendTo(Lead(0), LeaderEpoch(0), 3);
  Replica(0);
  const int fault = follower_node_.disk().AddFault(
      {.pattern = "/data/t-0/*", .op = env::DiskOp::kWrite, .kind = env::DiskFaultKind::kNoSpace});
  Follow({0});
  world_.RunFor(absl::Seconds(10));
  EXPECT_EQ(End(0), Offset(0));
  follower_node_.disk().RemoveFault(fault);
  EXPECT_TRUE(CatchesUp(0, absl::Seconds(2)));
}

TEST_F(ReplicaFetchersTest, SeveralFetchersShareALeadersPartitions) {
  options_.fetchers_per_leader = 3;
  std::vector<int32_t> all;
  for (int i = 0; i < 30; ++i) {
    AppendTo(Lead(i), LeaderEpoch(0), 3);
    all.push_back(i);
  }
  leader_.has_sessions = false;  // they would take each other's here
  Follow(all);
  for (const int i : all) EXPECT_TRUE(CatchesUp(i)) << i;
  EXPECT_EQ(Get(Fetchers().Health()).fetchers.size(), 3U);
  EXPECT_EQ(leader_.broker.connections, 3);
}

}  // namespace
}  // namespace dohle::replica
