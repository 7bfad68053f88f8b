// A repeated batch is acknowledged no earlier than what it repeats is on the disk, where flush.messages asks
// for that.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker/replica/partition.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {
namespace {

using Answer = std::optional<StatusOr<storage::AppendResult>>;

class DuplicateTest : public ::testing::Test {
 protected:
  static storage::LogOpenOptions Options(env::Env& env) {
    storage::LogOpenOptions options;
    options.file_system = &env.file_system;
    options.directory = "/data/t-0";
    options.partition = {"t", PartitionIndex(0)};
    auto config = std::make_shared<storage::LogConfig>();
    config->flush_messages = 1;
    options.config = std::move(config);
    return options;
  }

  static std::shared_ptr<Partition> Lead(env::SimWorld& world, env::SimNode& node) {
    env::Env& env = node.env();
    const storage::LogOpenOptions options = Options(env);
    EXPECT_TRUE(env.file_system.CreateDirectories("/data").ok());
    node.disk().SyncAll();
    EXPECT_TRUE(env.file_system.CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.log = *storage::Log::Open(options);
    auto partition = std::make_shared<Partition>(NodeId(1), std::move(loaded), Offset(0), env.blocking_pool);
    bool leads = false;
    env::Spawn(*env.executors.front(), TakeLead(partition, &leads));
    EXPECT_TRUE(world.RunUntil([&] { return leads; }, absl::Seconds(10)));
    return partition;
  }

  static env::Task<void> TakeLead(std::shared_ptr<Partition> partition, bool* done) {
    Leadership leadership;
    leadership.leader = NodeId(1);
    leadership.leader_epoch = LeaderEpoch(0);
    leadership.in_sync_replicas = {NodeId(1)};
    const auto taken = co_await partition->SetLeadership(std::move(leadership));
    *done = taken.ok();
  }

  static env::Task<void> Send(std::shared_ptr<Partition> partition, int32_t sequence, Answer* answer) {
    std::string batch = storage::testing::ProducerBatchOf(7, 0, sequence, 2);
    const std::span<char> bytes(batch.data(), batch.size());
    const AppendOptions options;
    *answer = co_await partition->Append(bytes, options);
  }

  static env::Task<void> FetchOnce(std::shared_ptr<Partition> partition, std::optional<Offset>* seen) {
    FetchOptions options;
    options.max_bytes = 1 << 20;
    const FetchedPartition fetched = co_await partition->Fetch(options, nullptr);
    *seen = fetched.high_watermark;
  }
};

TEST_F(DuplicateTest, SurvivesALossOfPowerOnceItIsAcknowledged) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    env::SimWorld world(seed);
    env::SimNode& node = world.AddNode("node-1");
    node.SetBlockingDelay(absl::Milliseconds(1), absl::Milliseconds(20));
    auto partition = Lead(world, node);
    Answer first;
    Answer again;
    env::Executor& executor = *node.env().executors.front();
    env::Spawn(executor, Send(partition, 0, &first));
    world.RunFor(absl::Microseconds(world.random().Below(1500)));
    env::Spawn(executor, Send(partition, 0, &again));
    ASSERT_TRUE(world.RunUntil([&] { return again.has_value(); }, absl::Seconds(10)));
    ASSERT_TRUE(again->ok()) << again->status();
    ASSERT_TRUE((*again)->duplicate);
    EXPECT_EQ((*again)->last_offset, Offset(1));
    node.Crash(env::SimNode::Death::kPower);
    partition.reset();
    node.Restart();
    const auto log = storage::Log::Open(Options(node.env()));
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_EQ((*log)->log_end_offset(), Offset(2)) << "an acknowledged batch is lost";
  }
}

TEST_F(DuplicateTest, IsNotAcknowledgedWhenTheFlushOfTheFirstTimeFailed) {
  env::SimWorld world(1);
  env::SimNode& node = world.AddNode("node-1");
  auto partition = Lead(world, node);
  node.disk().AddFault({.pattern = "*.log", .op = env::DiskOp::kSync, .times = 1});
  Answer first;
  Answer again;
  env::Executor& executor = *node.env().executors.front();
  env::Spawn(executor, Send(partition, 0, &first));
  env::Spawn(executor, Send(partition, 0, &again));
  ASSERT_TRUE(world.RunUntil([&] { return first && again; }, absl::Seconds(10)));
  EXPECT_TRUE(absl::IsDataLoss(first->status())) << first->status();
  // The kernel forgets after a failed fsync: that the next one succeeds proves nothing.
  EXPECT_FALSE(again->ok());
  Answer later;
  env::Spawn(executor, Send(partition, 0, &later));
  ASSERT_TRUE(world.RunUntil([&] { return later.has_value(); }, absl::Seconds(10)));
  EXPECT_TRUE(absl::IsDataLoss(later->status())) << later->status();
}

TEST_F(DuplicateTest, OfFlushedRecordsShowsNobodyUnflushedOnes) {
  env::SimWorld world(1);
  env::SimNode& node = world.AddNode("node-1");
  auto partition = Lead(world, node);
  env::Executor& executor = *node.env().executors.front();
  Answer first;
  env::Spawn(executor, Send(partition, 0, &first));
  ASSERT_TRUE(world.RunUntil([&] { return first.has_value(); }, absl::Seconds(10)));
  node.SetBlockingDelay(absl::Seconds(10), absl::Seconds(10));
  Answer next;
  Answer again;
  std::optional<Offset> seen;
  env::Spawn(executor, Send(partition, 2, &next));
  world.RunFor(absl::Milliseconds(10));
  env::Spawn(executor, Send(partition, 0, &again));
  ASSERT_TRUE(world.RunUntil([&] { return again.has_value(); }, absl::Seconds(5)))
      << "what it repeats is on the disk";
  env::Spawn(executor, FetchOnce(partition, &seen));
  ASSERT_TRUE(world.RunUntil([&] { return seen.has_value(); }, absl::Seconds(5)));
  EXPECT_FALSE(next.has_value());
  EXPECT_EQ(*seen, Offset(2)) << "records that a loss of power could take back";
}

}  // namespace
}  // namespace dohle::replica
