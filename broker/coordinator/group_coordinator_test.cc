// The driver, in a simulated world: lanes, group commit, time, loading, losing the partition.
#include "broker/coordinator/group_coordinator.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "broker/coordinator/group_partition.h"
#include "broker/coordinator/responses.h"
#include "lib/base/string_map.h"
#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"
#include "lib/env/sleep.h"
#include "lib/kafka/record_batch.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

class FakeLog : public PartitionLog {
 public:
  env::Task<StatusOr<Offset>> Append(PartitionIndex partition, std::string batch) override {
    EXPECT_FALSE(appending[partition]) << "two appends at a time";
    appending[partition] = true;
    co_await env::Sleep(delay);
    appending[partition] = false;
    ++appends;
    largest = std::max(largest, batch.size());
    if (!failure.ok()) co_return failure;
    const Offset base(next[partition]);
    kafka::SetBaseOffset(batch.data(), base);
    next[partition] = kafka::RecordBatchView(batch).next_offset().value();
    bytes[partition] += batch;
    co_return base;
  }

  size_t MaxBatchBytes(PartitionIndex) const override { return max_batch_bytes; }

  env::Task<StatusOr<Chunk>> Read(PartitionIndex partition, Offset from, size_t max_bytes) override {
    co_await env::Sleep(delay);
    Chunk chunk;
    chunk.next_offset = from;
    chunk.at_end = true;
    for (kafka::BatchCursor cursor(bytes[partition]); auto batch = cursor.Next();) {
      if (batch->last_offset() < from) continue;
      if (!chunk.batches.empty() && chunk.batches.size() + batch->size() > max_bytes) {
        chunk.at_end = false;
        break;
      }
      chunk.batches += batch->bytes();
      chunk.next_offset = batch->next_offset();
    }
    co_return chunk;
  }

  absl::Duration delay = absl::Milliseconds(5);
  Status failure;
  int appends = 0;
  size_t largest = 0;  // batch
  size_t max_batch_bytes = 1 << 20;
  std::map<PartitionIndex, std::string> bytes;
  std::map<PartitionIndex, int64_t> next;
  std::map<PartitionIndex, bool> appending;
};

class FakeTopics : public TopicLookup {
 public:
  std::optional<Topic> Find(std::string_view name) const override {
    if (name != "t") return std::nullopt;
    return Topic{Uuid(1, 2), 3};
  }
  std::optional<std::string> NameOf(const Uuid& id) const override {
    if (id != Uuid(1, 2)) return std::nullopt;
    return "t";
  }
};

class GroupCoordinatorTest : public testing::Test {
 protected:
  GroupCoordinatorTest()
      : seed_(env::TestSeed()),
        trace_(__FILE__, __LINE__, testing::Message() << "DOHLE_SEED=" << seed_),
        world_(seed_),
        node_(world_.AddNode("a", 2)) {
    config_.offsets_topic_num_partitions = 4;
    config_.group_initial_rebalance_delay_ms = 100;
    config_.offsets_load_buffer_size = 300;  // so that loading takes several reads
    Start();
  }
  ~GroupCoordinatorTest() override {
    node_.Crash(env::SimNode::Death::kProcess);
    coordinator_.reset();
  }

  void Start() {
    env::Env& env = node_.env();
    GroupCoordinator::Parts parts{env.clock, env.random, env.blocking_pool, log_, topics_, env.executors};
    coordinator_ = std::make_unique<GroupCoordinator>(config_, parts);
  }
  void ElectAll(int epoch) {
    for (int i = 0; i < 4; ++i) coordinator_->OnElected(PartitionIndex(i), LeaderEpoch(epoch));
  }
  void ResignAll(int epoch) {
    for (int i = 0; i < 4; ++i) coordinator_->OnResigned(PartitionIndex(i), LeaderEpoch(epoch));
  }

  template <typename R>
  static env::Task<void> Keep(env::Task<R> task, std::optional<R>* result) {
    R value = co_await std::move(task);
    result->emplace(std::move(value));
  }
  // Starts `task`; the result appears in the end.
  template <typename R>
  std::shared_ptr<std::optional<R>> Begin(env::Task<R> task, size_t executor = 0) {
    auto result = std::make_shared<std::optional<R>>();
    env::Spawn(*node_.env().executors[executor], Keep(std::move(task), result.get()));
    results_.push_back(result);
    return result;
  }
  template <typename R>
  R Do(env::Task<R> task) {
    auto result = Begin(std::move(task));
    EXPECT_TRUE(world_.RunUntil([&] { return result->has_value(); }, absl::Minutes(10)));
    return result->value_or(R());
  }

  // Of the group g.
  static kafka::JoinGroupRequest NewMember() {
    kafka::JoinGroupRequest join;
    join.group_id = "g";
    join.session_timeout_ms = 6000;
    join.rebalance_timeout_ms = 10'000;
    join.protocol_type = "consumer";
    join.protocols.push_back({"range", "x"});
    return join;
  }
  kafka::OffsetCommitRequest Commit(std::string_view group, int64_t offset, int32_t partition = 0) {
    kafka::OffsetCommitRequest request;
    request.group_id = Own(group);
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.topic_id = Uuid(1, 2);
    topic.partitions.push_back({partition, offset});
    return request;
  }
  int16_t CommitError(const kafka::OffsetCommitRequest& request, int16_t version = 9) {
    const kafka::OffsetCommitResponse response = Do(coordinator_->OffsetCommit(request, version, nullptr));
    return response.topics.at(0).partitions.at(0).error_code;
  }
  int64_t Fetched(std::string_view group, int16_t version = 9) {
    kafka::OffsetFetchRequest request;
    if (version >= 8) {
      request.groups.emplace_back().group_id = Own(group);
      auto& topic = request.groups[0].topics->emplace_back();
      topic.name = "t";
      topic.topic_id = Uuid(1, 2);
      topic.partition_indexes.push_back(0);
    } else {
      request.group_id = Own(group);
      auto& topic = request.topics->emplace_back();
      topic.name = "t";
      topic.partition_indexes.push_back(0);
    }
    const kafka::OffsetFetchResponse response =
        Do(coordinator_->OffsetFetch(request, version, nullptr, nullptr));
    if (version < 8) return response.topics.at(0).partitions.at(0).committed_offset;
    if (response.groups.at(0).error_code != 0) return -response.groups[0].error_code * 1000;
    return response.groups[0].topics.at(0).partitions.at(0).committed_offset;
  }

  const uint64_t seed_;
  const testing::ScopedTrace trace_;
  FakeLog log_;
  FakeTopics topics_;
  env::SimWorld world_;
  env::SimNode& node_;
  GroupConfig config_;
  std::vector<std::shared_ptr<void>> results_;
  std::unique_ptr<GroupCoordinator> coordinator_;
};

TEST_F(GroupCoordinatorTest, AnswersOnlyForWhatItHasLoaded) {
  EXPECT_EQ(CommitError(Commit("g", 1)), Code(ErrorCode::kNotCoordinator));
  EXPECT_EQ(Fetched("g"), -1000 * Code(ErrorCode::kNotCoordinator));
  ElectAll(1);
  world_.RunFor(absl::Milliseconds(1));  // less than a read takes
  EXPECT_EQ(CommitError(Commit("g", 1)), Code(ErrorCode::kCoordinatorLoadInProgress));
  kafka::HeartbeatRequest heartbeat;
  heartbeat.group_id = "g";
  EXPECT_EQ(Do(coordinator_->Heartbeat(heartbeat, 4)).error_code, 0) << "while loading nobody is thrown out";
  kafka::ListGroupsRequest list;
  EXPECT_EQ(Do(coordinator_->ListGroups(list)).error_code, Code(ErrorCode::kCoordinatorLoadInProgress));
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(CommitError(Commit("g", 1)), 0);
  EXPECT_EQ(Do(coordinator_->Heartbeat(heartbeat, 4)).error_code, Code(ErrorCode::kUnknownMemberId));
  ResignAll(2);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(CommitError(Commit("g", 2)), Code(ErrorCode::kNotCoordinator));
  EXPECT_TRUE(Do(coordinator_->ListGroups(list)).groups.empty());
  // An election of long ago.
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(CommitError(Commit("g", 2)), Code(ErrorCode::kNotCoordinator));
  ElectAll(3);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Fetched("g"), 1);
}

TEST_F(GroupCoordinatorTest, WhatComesWhileAnAppendIsUnderWayGoesIntoTheNext) {
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  std::vector<kafka::OffsetCommitRequest> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(Commit("g", i));
  std::vector<std::shared_ptr<std::optional<kafka::OffsetCommitResponse>>> responses;
  for (size_t i = 0; i < requests.size(); ++i) {
    responses.push_back(Begin(coordinator_->OffsetCommit(requests[i], 9, nullptr), i % 2));
  }
  world_.RunFor(absl::Milliseconds(100));
  for (const auto& response : responses) {
    ASSERT_TRUE(response->has_value());
    EXPECT_EQ((*response)->topics.at(0).partitions.at(0).error_code, 0);
  }
  EXPECT_LE(log_.appends, 3);
  EXPECT_GE(log_.appends, 2);
  // Executors don't keep an order between each other.
  EXPECT_GE(Fetched("g"), 98);
}

TEST_F(GroupCoordinatorTest, BatchesFollowTheTopicsLimit) {
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  const auto commit_all = [&] {
    std::vector<kafka::OffsetCommitRequest> requests;
    for (int i = 0; i < 100; ++i) requests.push_back(Commit("g", i));
    std::vector<std::shared_ptr<std::optional<kafka::OffsetCommitResponse>>> responses;
    for (const auto& request : requests) {
      responses.push_back(Begin(coordinator_->OffsetCommit(request, 9, nullptr)));
    }
    world_.RunFor(absl::Seconds(5));
    for (const auto& response : responses) {
      ASSERT_TRUE(response->has_value());
      EXPECT_EQ((*response)->topics.at(0).partitions.at(0).error_code, 0);
    }
  };
  commit_all();
  EXPECT_GT(log_.largest, 1000U);
  log_.largest = 0;
  log_.max_batch_bytes = 1000;
  commit_all();
  EXPECT_GT(log_.largest, 500U);
  EXPECT_LE(log_.largest, 1000U);
  EXPECT_EQ(Fetched("g"), 99);
}

TEST_F(GroupCoordinatorTest, AGroupsWholeLife) {
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  kafka::JoinGroupRequest join = NewMember();
  const RequestOrigin origin{"c", "/127.0.0.1"};
  kafka::JoinGroupResponse first = Do(coordinator_->JoinGroup(origin, join, 9));
  ASSERT_EQ(first.error_code, Code(ErrorCode::kMemberIdRequired));
  join.member_id = first.member_id;
  const env::MonotonicTime before = world_.now();
  const kafka::JoinGroupResponse joined = Do(coordinator_->JoinGroup(origin, join, 9));
  ASSERT_EQ(joined.error_code, 0);
  EXPECT_EQ(joined.generation_id, 1);
  EXPECT_GE(world_.now() - before, absl::Milliseconds(100)) << "the initial delay";
  kafka::SyncGroupRequest sync;
  sync.group_id = "g";
  sync.generation_id = 1;
  sync.member_id = joined.member_id;
  EXPECT_EQ(Do(coordinator_->SyncGroup(sync, 5)).error_code, Code(ErrorCode::kInconsistentGroupProtocol));
  sync.assignments.push_back({joined.member_id, "mine"});
  const kafka::SyncGroupResponse synced = Do(coordinator_->SyncGroup(sync, 3));
  EXPECT_EQ(synced.error_code, 0);
  EXPECT_EQ(synced.assignment.view(), "mine");
  // Another leader, from the same log: the member lives on.
  ResignAll(2);
  ElectAll(3);
  world_.RunFor(absl::Seconds(1));
  std::vector<std::string_view> ids = {"g", "nobody"};
  kafka::DescribeGroupsResponse described = Do(coordinator_->DescribeGroups(ids, 6));
  ASSERT_EQ(described.groups.size(), 2u);
  const auto& g = described.groups[0].group_id.view() == "g" ? described.groups[0] : described.groups[1];
  EXPECT_EQ(g.group_state.view(), "Stable");
  ASSERT_EQ(g.members.size(), 1u);
  EXPECT_EQ(g.members[0].member_assignment.view(), "mine");
  EXPECT_EQ(g.members[0].client_host.view(), "/127.0.0.1");
  // It is silent: its session ends, by the clock alone.
  world_.RunFor(absl::Seconds(7));
  ids = {"g"};
  EXPECT_EQ(Do(coordinator_->DescribeGroups(ids, 6)).groups.at(0).group_state.view(), "Empty");
  EXPECT_EQ(Do(coordinator_->DeleteGroups(ids)).results.at(0).error_code, 0);
  EXPECT_EQ(Do(coordinator_->DeleteGroups(ids)).results.at(0).error_code, Code(ErrorCode::kGroupIdNotFound));
}

TEST_F(GroupCoordinatorTest, WhoWaitsIsToldWhenThePartitionMoves) {
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  const kafka::JoinGroupRequest join = NewMember();
  const RequestOrigin origin{"c", "/127.0.0.1"};
  const auto waiting = Begin(coordinator_->JoinGroup(origin, join, 3));
  const kafka::OffsetCommitRequest commit = Commit("g", 5);
  const auto committing = Begin(coordinator_->OffsetCommit(commit, 9, nullptr));
  ResignAll(2);
  world_.RunFor(absl::Milliseconds(50));
  ASSERT_TRUE(waiting->has_value());
  EXPECT_EQ((*waiting)->error_code, Code(ErrorCode::kNotCoordinator));
  ASSERT_TRUE(committing->has_value());
}

TEST_F(GroupCoordinatorTest, AppendsThatFailOrTakeTooLong) {
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(CommitError(Commit("g", 1)), 0);
  log_.failure = absl::UnavailableError("too few in-sync replicas");
  EXPECT_EQ(CommitError(Commit("g", 2)), Code(ErrorCode::kCoordinatorNotAvailable));
  log_.failure = absl::FailedPreconditionError("not the leader");
  EXPECT_EQ(CommitError(Commit("g", 2)), Code(ErrorCode::kNotCoordinator));
  log_.failure = absl::OkStatus();
  EXPECT_EQ(Fetched("g"), 1);
  log_.delay = absl::Seconds(20);
  const env::MonotonicTime before = world_.now();
  EXPECT_EQ(CommitError(Commit("g", 3)), Code(ErrorCode::kCoordinatorNotAvailable));
  EXPECT_LE(world_.now() - before, absl::Seconds(6));
  EXPECT_EQ(Fetched("g"), 1);
  world_.RunFor(absl::Seconds(30));
  EXPECT_EQ(Fetched("g"), 3);
}

TEST_F(GroupCoordinatorTest, TopicsAreResolvedAsTheVersionAsks) {
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  for (const int16_t version : {int16_t{2}, int16_t{9}, int16_t{10}})
    EXPECT_EQ(CommitError(Commit("g", 7), version), 0);
  for (const int16_t version : {int16_t{1}, int16_t{7}, int16_t{8}, int16_t{10}})
    EXPECT_EQ(Fetched("g", version), 7);
  kafka::OffsetCommitRequest request = Commit("g", 8, 3);  // no such partition
  auto& unknown = request.topics.emplace_back();
  unknown.name = "unknown";
  unknown.topic_id = Uuid(9, 9);
  unknown.partitions.push_back({0, 1});
  request.topics[0].partitions.push_back({1, 8});
  kafka::OffsetCommitResponse response = Do(coordinator_->OffsetCommit(request, 9, nullptr));
  ASSERT_EQ(response.topics.size(), 2u);
  EXPECT_EQ(response.topics[0].partitions.at(0).error_code, Code(ErrorCode::kUnknownTopicOrPartition));
  EXPECT_EQ(response.topics[0].partitions.at(1).error_code, 0);
  EXPECT_EQ(response.topics[1].partitions.at(0).error_code, Code(ErrorCode::kUnknownTopicOrPartition));
  response = Do(coordinator_->OffsetCommit(request, 10, nullptr));
  EXPECT_EQ(response.topics.at(1).partitions.at(0).error_code, Code(ErrorCode::kUnknownTopicId));
  const TopicFilter nobody = [](std::string_view) { return false; };
  response = Do(coordinator_->OffsetCommit(request, 9, nobody));
  EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, Code(ErrorCode::kTopicAuthorizationFailed));
  coordinator_->OnTopicsDeleted({{Uuid(1, 2), "t"}});
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Fetched("g"), -1);
}

TEST_F(GroupCoordinatorTest, AVisitorSeesAllGroups) {
  ElectAll(1);
  world_.RunFor(absl::Seconds(1));
  for (int i = 0; i < 300; ++i) EXPECT_EQ(CommitError(Commit("g" + std::to_string(i), i)), 0);
  std::map<std::string, int64_t> seen;
  const GroupCoordinator::GroupVisitor visitor = [&](PartitionIndex partition, const GroupView& view) {
    EXPECT_EQ(partition, coordinator_->PartitionFor(view.group.id()));
    ASSERT_EQ(view.offsets.size(), 1u);
    EXPECT_GT(view.offsets[0].committed->commit_timestamp_ms, 0);
    seen[view.group.id()] = view.offsets[0].committed->offset;
  };
  env::Spawn(*node_.env().executors[0], coordinator_->VisitGroups(visitor));
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(seen.size(), 300u);
  EXPECT_EQ(seen["g77"], 77);
}

TEST(GroupPartition, IsJavasHash) {
  // From java.lang.String.hashCode.
  EXPECT_EQ(JavaHash(""), 0);
  EXPECT_EQ(JavaHash("a"), 97);
  EXPECT_EQ(JavaHash("polygenelubricants"), INT32_MIN);
  EXPECT_EQ(JavaHash("\xc3\xa4"), 228);                         // one unit
  EXPECT_EQ(JavaHash("\xf0\x9f\x90\xa6"), 55357 * 31 + 56358);  // a surrogate pair
  EXPECT_EQ(PartitionForGroup("polygenelubricants", 50), PartitionIndex(0));
  // Where Apache Kafka put them, of 5 partitions.
  EXPECT_EQ(PartitionForGroup("g-classic", 5), PartitionIndex(3));
  EXPECT_EQ(PartitionForGroup("g-new", 5), PartitionIndex(3));
}

}  // namespace
}  // namespace dohle::coordinator
