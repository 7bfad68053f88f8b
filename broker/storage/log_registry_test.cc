#include "broker/storage/log_registry.h"

#include <gtest/gtest.h>

#include <future>

#include "broker/storage/flush_schedule.h"
#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"
#include "lib/env/posix/posix_env.h"

namespace dohle::storage {
namespace {

using testing::SimpleBatch;
using testing::TestDirectory;

class LogRegistryTest : public ::testing::Test {
 protected:
  LogRegistryTest() : posix_({.event_loops = 1, .io_threads = 2, .own_process = false}) { posix_.Start(); }
  ~LogRegistryTest() override { posix_.Stop(); }

  std::string Path(int i) const { return directory_.path() + "/d" + std::to_string(i); }
  void Format(int directories) {
    for (int i = 0; i < directories; ++i) {
      const MetaProperties properties{"cluster", NodeId(1), Uuid(1000, static_cast<uint64_t>(i))};
      ASSERT_TRUE(FormatLogDirectory(directory_.file_system(), Path(i), properties, 0).ok());
      paths_.push_back(Path(i));
    }
  }
  Status TryOpen() {
    registry_.reset();
    auto opened = LogRegistry::Open(directory_.file_system(), posix_.env().random, paths_);
    if (!opened.ok()) return opened.status();
    registry_ = *std::move(opened);
    return OkStatus();
  }
  static env::Task<void> LoadInto(LogRegistry* registry, env::BlockingPool* pool,
                                  std::promise<LoadReport>* into) {
    LogRegistry::ConfigOf config_of = [](const std::string&) { return std::make_shared<LogConfig>(); };
    LoadReport report = co_await registry->Load(*pool, config_of, 0, 3);
    into->set_value(std::move(report));
  }
  LoadReport Load() {
    std::promise<LoadReport> loaded;
    env::Executor& executor = *posix_.env().executors.front();
    env::Spawn(executor, LoadInto(registry_.get(), &posix_.env().blocking_pool, &loaded));
    return loaded.get_future().get();
  }
  LoadedLog Create(const std::string& topic, int partition, const std::vector<std::string>& avoided = {}) {
    auto created = registry_->Begin({topic, PartitionIndex(partition)}, Uuid(7, 7),
                                    std::make_shared<LogConfig>(), 0, std::nullopt, avoided);
    EXPECT_TRUE(created.ok()) << created.status();
    return *std::move(created);
  }
  static void Append(Log& log) {
    std::string batch = SimpleBatch(3);
    ASSERT_TRUE(log.Append({batch.data(), batch.size()}, AppendOrigin::kClient, LeaderEpoch(0), 0).ok());
  }

  TestDirectory directory_;
  env::PosixEnv posix_;
  std::vector<std::string> paths_;
  std::unique_ptr<LogRegistry> registry_;
};

// Cordoned ones (KIP-1066): a replica that is placed on the broker all the same has to lie somewhere.
TEST_F(LogRegistryTest, AvoidedDirectoriesAreTheLastChoice) {
  Format(2);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_TRUE(Load().logs.empty());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Create("t", i, {paths_[0]}).directory_id, Uuid(1000, 1));
  EXPECT_EQ(Create("t", 3, paths_).directory_id, Uuid(1000, 0));
}

TEST_F(LogRegistryTest, SpreadsPartitionsAndFindsThemAgain) {
  Format(2);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_TRUE(Load().logs.empty());
  std::vector<LoadedLog> logs;
  for (int i = 0; i < 6; ++i) logs.push_back(Create("t", i));
  EXPECT_EQ(
      registry_->Begin({"t", PartitionIndex(0)}, Uuid(), std::make_shared<LogConfig>(), 0).status().code(),
      StatusCode::kAlreadyExists);
  int in_first = 0;
  std::vector<PartitionCheckpoint> checkpoints;
  for (LoadedLog& loaded : logs) {
    in_first += loaded.directory_id == Uuid(1000, 0) ? 1 : 0;
    Append(*loaded.log);
    ASSERT_TRUE(loaded.log->Close().ok());
    checkpoints.push_back(
        {loaded.partition, loaded.directory_id, loaded.log->recovery_point(), std::nullopt, Offset(2)});
  }
  EXPECT_EQ(in_first, 3);
  ASSERT_TRUE(registry_->ShutDown(checkpoints, BrokerEpoch(42)).ok());
  logs.clear();

  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(registry_->previous_broker_epoch(), BrokerEpoch(42));
  EXPECT_TRUE(registry_->directories()[0]->clean_shutdown());
  EXPECT_EQ(registry_->ReadHighWatermarks().size(), 6u);
  LoadReport report = Load();
  ASSERT_EQ(report.logs.size(), 6u);
  for (LoadedLog& loaded : report.logs) {
    EXPECT_EQ(loaded.log->log_end_offset(), Offset(3));
    EXPECT_EQ(loaded.topic_id, Uuid(7, 7));
    EXPECT_EQ(registry_->DirectoryOf(loaded.partition), loaded.directory_id);
  }
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_FALSE(registry_->directories()[0]->clean_shutdown()) << "the mark holds for one start";
}

TEST_F(LogRegistryTest, AnIncarnationWhoseRegistrationWasNotHeardOfGoesOn) {
  Format(2);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_TRUE(registry_->unheard_incarnation().is_zero());
  ASSERT_TRUE(registry_->ShutDown({}, BrokerEpoch(42), Uuid(3, 4)).ok());
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(registry_->previous_broker_epoch(), BrokerEpoch(42));
  EXPECT_EQ(registry_->unheard_incarnation(), Uuid(3, 4));
  ASSERT_TRUE(registry_->ShutDown({}, BrokerEpoch(43)).ok());
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(registry_->previous_broker_epoch(), BrokerEpoch(43));
  EXPECT_TRUE(registry_->unheard_incarnation().is_zero());
}

TEST_F(LogRegistryTest, RemovedLogsAreGoneAfterTheNextStart) {
  Format(1);
  ASSERT_TRUE(TryOpen().ok());
  LoadedLog loaded = Create("t", 0);
  Append(*loaded.log);
  auto read = loaded.log->Read({.offset = Offset(0), .max_bytes = 1000, .upper_bound = Offset(3)});
  auto path = registry_->Remove(*loaded.log);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(testing::ReadSlice(read->records).size(), SimpleBatch(3).size()) << "a fetch under way goes on";
  EXPECT_EQ(registry_->DirectoryOf(loaded.partition), std::nullopt);
  LoadedLog again = Create("t", 0);
  EXPECT_EQ(again.log->log_end_offset(), Offset(0));
  ASSERT_TRUE(again.log->CreateFiles().ok());
  ASSERT_TRUE(TryOpen().ok());
  LoadReport report = Load();
  EXPECT_EQ(report.logs.size(), 1u);
  EXPECT_EQ(report.to_be_removed, std::vector<std::string>{*path});
  EXPECT_TRUE(registry_->RemovePath(*path).ok());
  EXPECT_FALSE(directory_.file_system().Exists(*path));
}

TEST_F(LogRegistryTest, RefusesForeignOrUnformattedDirectories) {
  Format(1);
  paths_.push_back(directory_.path() + "/none");
  EXPECT_EQ(TryOpen().code(), StatusCode::kNotFound);
  paths_.pop_back();
  ASSERT_TRUE(
      FormatLogDirectory(directory_.file_system(), Path(1), {"other", NodeId(1), Uuid(1, 1)}, 0).ok());
  paths_.push_back(Path(1));
  EXPECT_EQ(TryOpen().code(), StatusCode::kFailedPrecondition);
}

TEST_F(LogRegistryTest, ABadPartitionDoesNotStopTheOthers) {
  Format(1);
  ASSERT_TRUE(TryOpen().ok());
  {
    LoadedLog good = Create("good", 0);
    ASSERT_TRUE(good.log->CreateFiles().ok());
  }
  ASSERT_TRUE(directory_.file_system().CreateDirectories(Path(0) + "/bad-0/00000000000000000000.log").ok());
  ASSERT_TRUE(TryOpen().ok());
  LoadReport report = Load();
  EXPECT_EQ(report.logs.size(), 1u) << "a directory in place of a segment is no segment";
}

TEST(FlushScheduleTest, KeepsTailsSmallInSumSizeAndTime) {
  const FlushLimits limits{.log_bytes = 100, .total_bytes = 150, .age_ms = 1000};
  EXPECT_TRUE(PlanBackgroundFlush(std::vector<UnflushedLog>{{1, 50, 10}, {2, 0, 5000}}, limits).empty());
  EXPECT_EQ(PlanBackgroundFlush(std::vector<UnflushedLog>{{1, 50, 10}, {2, 100, 10}}, limits),
            std::vector<size_t>{2});
  EXPECT_EQ(PlanBackgroundFlush(std::vector<UnflushedLog>{{1, 50, 10}, {2, 5, 1000}}, limits),
            std::vector<size_t>{2});
  EXPECT_EQ(PlanBackgroundFlush(std::vector<UnflushedLog>{{1, 90, 1}, {2, 80, 1}, {3, 60, 1}}, limits),
            (std::vector<size_t>{1}));
}

}  // namespace
}  // namespace dohle::storage
