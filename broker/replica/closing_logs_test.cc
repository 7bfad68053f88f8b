#include "broker/replica/closing_logs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "broker/storage/meta_properties.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {
namespace {

constexpr int kMany = 40;

class ClosingLogsTest : public testing::Test {
 protected:
  ClosingLogsTest() {
    EXPECT_TRUE(node_.env().file_system.CreateDirectories("/d").ok());
    const storage::MetaProperties properties{"cluster", NodeId(1), Uuid(1000, 0)};
    EXPECT_TRUE(storage::FormatLogDirectory(node_.env().file_system, "/d", properties, 0).ok());
    auto directory = storage::LogDirectory::Open(node_.env().file_system, "/d");
    EXPECT_TRUE(directory.ok()) << directory.status();
    directory_ = *std::move(directory);
  }

  StatusOr<std::unique_ptr<storage::Log>> Open(int i, bool clean) {
    storage::LogOpenOptions options;
    options.file_system = &node_.env().file_system;
    options.directory = fmt::format("/d/t-{}", i);
    options.partition = {"t", PartitionIndex(i)};
    options.config = std::make_shared<const storage::LogConfig>();
    options.clean_shutdown = clean;
    EXPECT_TRUE(options.file_system->CreateDirectories(options.directory).ok());
    return storage::Log::Open(options);
  }
  // Each with a record that no sync has seen.
  std::vector<ClosingLog> MakeLogs(int count) {
    std::vector<ClosingLog> logs;
    for (int i = 0; i < count; ++i) {
      auto log = Open(i, false);
      EXPECT_TRUE(log.ok()) << log.status();
      std::string batch = storage::testing::SimpleBatch(1, 1000, 50);
      EXPECT_TRUE(
          (*log)
              ->Append({batch.data(), batch.size()}, storage::AppendOrigin::kClient, LeaderEpoch(0), 1)
              .ok());
      logs.push_back({*std::move(log), directory_.get()});
    }
    return logs;
  }
  Status Close(std::vector<ClosingLog>& logs) {
    std::optional<Status> result;
    env::Spawn(*node_.env().executors.front(), CloseInto(node_.env().blocking_pool, logs, result));
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }));
    return *result;
  }
  void ExpectAllThereAfterAPowerCut(std::vector<ClosingLog>& logs) {
    const size_t count = logs.size();
    node_.Crash(env::SimNode::Death::kPower);
    logs.clear();
    directory_.reset();
    node_.Restart();
    for (size_t i = 0; i < count; ++i) {
      auto log = Open(static_cast<int>(i), true);
      ASSERT_TRUE(log.ok()) << log.status();
      EXPECT_EQ((*log)->log_end_offset(), Offset(1)) << i;
    }
  }

  env::SimWorld world_{7};
  env::SimNode& node_ = world_.AddNode("node-1");
  std::unique_ptr<storage::LogDirectory> directory_;

 private:
  static env::Task<void> CloseInto(env::BlockingPool& pool, std::vector<ClosingLog>& logs,
                                   std::optional<Status>& result) {
    result = co_await CloseLogs(pool, logs, 3);
  }
};

TEST_F(ClosingLogsTest, ManyAreSyncedWithTheirFileSystem) {
  std::vector<ClosingLog> logs = MakeLogs(kMany);
  node_.disk().AddFault({.pattern = "*.log", .op = env::DiskOp::kSync});  // not one by one
  const Status closed = Close(logs);
  ASSERT_TRUE(closed.ok()) << closed;
  for (const ClosingLog& closing : logs) EXPECT_FALSE(closing.log->needs_flush());
  node_.disk().ClearFaults();
  ExpectAllThereAfterAPowerCut(logs);
}

TEST_F(ClosingLogsTest, AFewAreSyncedFileByFile) {
  std::vector<ClosingLog> logs = MakeLogs(3);
  const int fault = node_.disk().AddFault({.pattern = "*.log", .op = env::DiskOp::kSync});
  EXPECT_EQ(Close(logs).code(), StatusCode::kDataLoss);
  node_.disk().RemoveFault(fault);
  const Status closed = Close(logs);
  ASSERT_TRUE(closed.ok()) << closed;
  ExpectAllThereAfterAPowerCut(logs);
}

TEST_F(ClosingLogsTest, WithoutAFileSystemToSyncItGoesFileByFile) {
  std::vector<ClosingLog> logs = MakeLogs(kMany);
  for (ClosingLog& closing : logs) closing.directory = nullptr;
  const Status closed = Close(logs);
  ASSERT_TRUE(closed.ok()) << closed;
  for (const ClosingLog& closing : logs) EXPECT_FALSE(closing.log->needs_flush());
  ExpectAllThereAfterAPowerCut(logs);
}

TEST_F(ClosingLogsTest, WhatFailsIsNotClosedCleanly) {
  std::vector<ClosingLog> logs = MakeLogs(kMany);
  node_.disk().AddFault({.pattern = "/d", .op = env::DiskOp::kSync});
  EXPECT_EQ(Close(logs).code(), StatusCode::kDataLoss);
  for (const ClosingLog& closing : logs) EXPECT_TRUE(closing.log->needs_flush());
}

TEST_F(ClosingLogsTest, OneLogsFailureIsToldAndTheOthersAreClosed) {
  std::vector<ClosingLog> logs = MakeLogs(kMany);
  node_.disk().AddFault({.pattern = "/d/t-5/*", .op = env::DiskOp::kWrite});
  EXPECT_FALSE(Close(logs).ok());
  EXPECT_FALSE(logs[6].log->needs_flush());
}

TEST_F(ClosingLogsTest, NothingToCloseIsFine) {
  std::vector<ClosingLog> logs;
  EXPECT_TRUE(Close(logs).ok());
}

}  // namespace
}  // namespace dohle::replica
