#include "broker/replica/partition.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {
namespace {

using storage::testing::TestBatch;
using storage::testing::TestRecord;

class PartitionTest : public ::testing::Test {
 protected:
  PartitionTest() : posix_({.event_loops = 3, .io_threads = 2, .own_process = false}) {
    posix_.Start();
    partition_ = Open({});
  }

  std::shared_ptr<Partition> Open(storage::LogConfig config) {
    storage::LogOpenOptions options;
    options.file_system = &directory_.file_system();
    options.directory = fmt::format("{}/t-{}", directory_.path(), opened_);
    options.partition = {"t", PartitionIndex(opened_++)};
    options.config = std::make_shared<const storage::LogConfig>(std::move(config));
    EXPECT_TRUE(directory_.file_system().CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.log = *storage::Log::Open(options);
    const storage::FlushTimes flush_times{&posix_.env().clock, flush_time_us_};
    auto partition = std::make_shared<Partition>(NodeId(1), std::move(loaded), Offset(0),
                                                 posix_.env().blocking_pool, flush_times);
    Leadership leadership;
    leadership.leader = NodeId(1);
    leadership.leader_epoch = LeaderEpoch(0);
    leadership.in_sync_replicas = {NodeId(1)};
    EXPECT_TRUE(Run(partition->SetLeadership(std::move(leadership))).ok());
    return partition;
  }
  ~PartitionTest() override { posix_.Stop(); }

  template <typename T>
  static env::Task<void> Keep(env::Task<T> task, std::shared_ptr<std::promise<T>> result) {
    T value = co_await std::move(task);
    result->set_value(std::move(value));
  }
  template <typename T>
  std::future<T> Begin(env::Task<T> task, size_t loop) {
    auto result = std::make_shared<std::promise<T>>();
    std::future<T> future = result->get_future();
    env::Spawn(*posix_.env().executors[loop], Keep(std::move(task), std::move(result)));
    return future;
  }
  template <typename T>
  T Run(env::Task<T> task) {
    return Begin(std::move(task), 0).get();
  }

  void Append(std::vector<int64_t> timestamps_ms) {
    TestBatch batch;
    for (const int64_t timestamp_ms : timestamps_ms) {
      TestRecord record;
      record.value = "v";
      record.timestamp_ms = timestamp_ms;
      batch.records.push_back(record);
    }
    std::string bytes = storage::testing::Encode(batch);
    auto appended = Run(partition_->Append({bytes.data(), bytes.size()}, {}));
    ASSERT_TRUE(appended.ok()) << appended.status();
  }

  metrics::Registry registry_;
  metrics::Histogram flush_time_us_ =
      registry_.AddHistogram("flush", "", {}, 1, metrics::HistogramForm::kQuantiles);
  env::PosixEnv posix_;
  storage::testing::TestDirectory directory_;
  int opened_ = 0;
  std::shared_ptr<Partition> partition_;
};

constexpr absl::Duration kPatience = absl::Seconds(30);

// A long poll as the Fetch handler has it: looks, and if that isn't enough looks once more with a waiter in
// place, and waits. Answers how many bytes there are in the end; nothing if it waited in vain.
env::Task<std::optional<uint64_t>> LongPoll(std::shared_ptr<Partition> partition, Offset offset,
                                            uint64_t min_bytes) {
  FetchOptions options;
  options.offset = offset;
  options.max_bytes = 1 << 20;
  FetchedPartition fetched = co_await partition->Fetch(options, nullptr);
  if (fetched.records.length >= min_bytes) co_return fetched.records.length;
  auto waiter = std::make_shared<FetchWaiter>(static_cast<int64_t>(min_bytes));
  fetched = co_await partition->Fetch(options, waiter);
  if (fetched.records.length >= min_bytes) co_return fetched.records.length;
  waiter->AddReadable(static_cast<int64_t>(fetched.records.length));
  co_await waiter->WaitFor(kPatience);
  if (!waiter->woken()) co_return std::nullopt;
  fetched = co_await partition->Fetch(options, nullptr);
  co_return fetched.records.length;
}

env::Task<bool> AppendOne(std::shared_ptr<Partition> partition) {
  std::string bytes = storage::testing::SimpleBatch(1, 1000);
  auto appended = co_await partition->Append({bytes.data(), bytes.size()}, {});
  co_return appended.ok();
}

TEST_F(PartitionTest, BatchTimestampIsThatOfTheFirstRecord) {
  Append({1000});
  Append({2000, 2500, 2600});
  Append({3000});
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(0))), 1000);
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(1))), 2000);
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(3))), 2000) << "in the middle of a batch";
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(4))), 3000);
  EXPECT_TRUE(absl::IsOutOfRange(Run(partition_->BatchTimestamp(Offset(5))).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Run(partition_->BatchTimestamp(Offset(6))).status()));
  ASSERT_TRUE(Run(partition_->DeleteRecordsBefore(Offset(4), absl::ZeroDuration())).ok());
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(0))), 3000) << "what is deleted is passed over";
}

// Records that come while somebody begins to wait, on other threads: two readers, one wants both.
TEST_F(PartitionTest, NoWakeUpIsLost) {
  const uint64_t seed = env::TestSeed();
  SCOPED_TRACE(testing::Message() << "DOHLE_SEED=" << seed);
  std::mt19937_64 random(seed);
  storage::LogConfig synced;
  synced.flush_messages = 1;
  const auto flushing = Open(std::move(synced));
  const uint64_t batch_bytes = storage::testing::SimpleBatch(1, 1000).size();
  const std::pair<std::shared_ptr<Partition>, int> cases[] = {{partition_, 3000}, {flushing, 100}};
  for (const auto& [partition, rounds] : cases) {
    for (int round = 0; round < rounds; ++round) {
      const Offset end(round * 2);
      std::future<std::optional<uint64_t>> one, other;
      std::future<bool> appended, appended_too;
      std::array<int, 4> order = {0, 1, 2, 3};
      std::shuffle(order.begin(), order.end(), random);
      for (const int what : order) {
        const size_t loop = random() % 3;
        if (what == 0) one = Begin(LongPoll(partition, end, 2 * batch_bytes), loop);
        if (what == 1) other = Begin(LongPoll(partition, end, batch_bytes), loop);
        if (what == 2) appended = Begin(AppendOne(partition), loop);
        if (what == 3) appended_too = Begin(AppendOne(partition), loop);
        for (volatile uint64_t spin = random() % 10'000; spin > 0;) spin = spin - 1;
      }
      ASSERT_TRUE(appended.get() && appended_too.get());
      EXPECT_EQ(one.get(), 2 * batch_bytes) << "in round " << round;
      EXPECT_GE(other.get().value_or(0), batch_bytes) << "in round " << round;
      if (HasFailure()) return;
    }
  }
}

// What leadership makes readable while a sync is under way is told by nobody else: the sync comes too late.
TEST_F(PartitionTest, TellsWhatLeadershipMakesReadable) {
  storage::LogConfig synced;
  synced.flush_messages = 1;
  const auto flushing = Open(std::move(synced));
  std::promise<void> disk_works;
  std::shared_future<void> works = disk_works.get_future().share();
  for (int i = 0; i < 2; ++i) posix_.env().blocking_pool.Submit([works] { works.wait(); });
  auto appended = Begin(AppendOne(flushing), 0);
  auto appended_too = Begin(AppendOne(flushing), 1);
  while (Run(flushing->Summarize()).log_end_offset < Offset(2)) std::this_thread::yield();
  auto waiter =
      std::make_shared<FetchWaiter>(static_cast<int64_t>(2 * storage::testing::SimpleBatch(1, 1000).size()));
  FetchOptions options;
  options.max_bytes = 1 << 20;
  EXPECT_EQ(Run(flushing->Fetch(options, waiter)).records.length, 0U);
  Leadership leadership;
  leadership.leader = NodeId(1);
  leadership.leader_epoch = LeaderEpoch(0);
  leadership.partition_epoch = PartitionEpoch(1);
  leadership.in_sync_replicas = {NodeId(1)};
  EXPECT_TRUE(Run(flushing->SetLeadership(std::move(leadership))).ok());
  EXPECT_TRUE(waiter->woken());
  disk_works.set_value();
  EXPECT_TRUE(appended.get() && appended_too.get());
}

TEST_F(PartitionTest, MeasuresHowLongASyncTakes) {
  storage::LogConfig synced;
  synced.flush_messages = 1;
  const auto flushing = Open(std::move(synced));
  ASSERT_TRUE(Run(AppendOne(flushing)));
  ASSERT_TRUE(Run(AppendOne(flushing)));
  EXPECT_NE(registry_.Collect(0).find("flush_count 2\n"), std::string::npos) << registry_.Collect(0);
  ASSERT_TRUE(Run(AppendOne(partition_)));
  EXPECT_NE(registry_.Collect(0).find("flush_count 2\n"), std::string::npos)
      << "that is left to the page cache";
}

TEST_F(PartitionTest, KeepsTheFirstAttachment) {
  struct Counted : Attachment {
    explicit Counted(int* n) : number(n) { ++*number; }
    ~Counted() override { --*number; }
    int* number;
  };
  int alive = 0;
  EXPECT_EQ(partition_->attachment(), nullptr);
  const Attachment* first = &partition_->Attach(std::make_unique<Counted>(&alive));
  EXPECT_EQ(&partition_->Attach(std::make_unique<Counted>(&alive)), first);
  EXPECT_EQ(partition_->attachment(), first);
  EXPECT_EQ(alive, 1);
  partition_.reset();
  EXPECT_EQ(alive, 0);
}

// What a follower wrote and is to flush may be cut off by the next leader before the disk has done it.
TEST(PartitionFlushTest, WhatIsCutOffMeanwhileIsNotWaitedFor) {
  env::SimWorld world(1);
  env::SimNode& node = world.AddNode("broker-1");
  storage::LogOpenOptions options;
  options.file_system = &node.env().file_system;
  options.directory = "/data/t-0";
  options.partition = {"t", PartitionIndex(0)};
  storage::LogConfig config;
  config.flush_messages = 1;
  options.config = std::make_shared<const storage::LogConfig>(config);
  ASSERT_TRUE(options.file_system->CreateDirectories(options.directory).ok());
  storage::LoadedLog loaded;
  loaded.partition = options.partition;
  loaded.log = std::move(*storage::Log::Open(options));
  const auto partition =
      std::make_shared<Partition>(NodeId(1), std::move(loaded), Offset(0), node.env().blocking_pool);
  std::string bytes = storage::testing::SimpleBatch(3);
  Status flushed = MakeStatus(StatusCode::kUnknown, "not over");
  const auto follow = [](Partition& its, int32_t epoch) -> env::Task<void> {
    Leadership leadership;
    leadership.leader = NodeId(2);
    leadership.leader_epoch = LeaderEpoch(epoch);
    EXPECT_TRUE((co_await its.SetLeadership(std::move(leadership))).ok());
  };
  const auto append = [](Partition& its, std::span<const char> batch, Status* result) -> env::Task<void> {
    *result = co_await its.AppendFetched(LeaderEpoch(0), batch, Offset(0), Offset(0), 1);
  };
  const auto truncate = [](Partition& its) -> env::Task<void> {
    const storage::EpochEnd nothing{LeaderEpoch(0), Offset(0)};
    EXPECT_TRUE((co_await its.TruncateToDiverging(LeaderEpoch(1), nothing)).ok());
  };
  env::Executor& executor = *node.env().executors.front();
  env::Spawn(executor, follow(*partition, 0));
  world.RunFor(absl::Seconds(1));
  node.SetBlockingDelay(absl::Milliseconds(100), absl::Milliseconds(100));
  env::Spawn(executor, append(*partition, bytes, &flushed));
  world.RunFor(absl::Milliseconds(50));
  env::Spawn(executor, follow(*partition, 1));
  env::Spawn(executor, truncate(*partition));
  world.RunFor(absl::Seconds(10));
  EXPECT_TRUE(flushed.ok()) << flushed;
}

}  // namespace
}  // namespace dohle::replica
