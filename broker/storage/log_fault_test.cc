// What a log does when the disk is full, read-only, broken, or out of file descriptors.
#include <gtest/gtest.h>

#include "broker/storage/log.h"
#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"
#include "lib/env/sim/sim_disk.h"
#include "lib/env/sim/sim_file_system.h"

namespace dohle::storage {
namespace {

using testing::SimpleBatch;

class StoppedClock : public env::Clock {
 public:
  int64_t WallTimeMs() const override { return 1'000'000; }
  env::MonotonicTime Now() const override { return env::MonotonicTime(0); }
};

class LogFaultTest : public ::testing::Test {
 protected:
  LogFaultTest() : file_system_(disk_, clock_) {
    EXPECT_TRUE(file_system_.CreateDirectories("/d/t-0").ok());
    config_.segment_bytes = 3000;
    config_.index_interval_bytes = 300;
    EXPECT_TRUE(Open().ok());
  }
  Status Open(int64_t recovery_point = 0, bool clean = false) {
    log_.reset();
    LogOpenOptions options;
    options.file_system = &file_system_;
    options.directory = "/d/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<LogConfig>(config_);
    options.recovery_point = Offset(recovery_point);
    options.clean_shutdown = clean;
    auto opened = Log::Open(options);
    if (!opened.ok()) return opened.status();
    log_ = *std::move(opened);
    return OkStatus();
  }
  Status Append(int count = 5) {
    std::string batch = SimpleBatch(count, 1000, 50);
    return log_->Append({batch.data(), batch.size()}, AppendOrigin::kClient, LeaderEpoch(0), 1).status();
  }
  StatusOr<ReadResult> Read(int64_t offset) {
    return log_->Read({.offset = Offset(offset), .max_bytes = 1 << 20, .upper_bound = Offset(INT64_MAX)});
  }

  env::SimDisk disk_{7};
  StoppedClock clock_;
  env::SimFileSystem file_system_;
  LogConfig config_;
  std::unique_ptr<Log> log_;
};

TEST_F(LogFaultTest, AFullDiskRefusesAndLosesNothing) {
  int appended = 0;
  disk_.set_capacity(disk_.used_bytes() + 10'000);
  Status status;
  while ((status = Append()).ok()) ++appended;
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
  EXPECT_GT(appended, 10);
  EXPECT_EQ(Append().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(log_->log_end_offset(), Offset(appended * 5));
  EXPECT_TRUE(Read(0).ok());
  disk_.set_capacity(uint64_t{1} << 40);
  EXPECT_TRUE(Append().ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(appended * 5 + 5));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(appended * 5 + 5));
}

TEST_F(LogFaultTest, AnIoErrorIsDataLoss) {
  ASSERT_TRUE(Append().ok());
  disk_.AddFault({.pattern = "*.log", .op = env::DiskOp::kWrite});
  EXPECT_EQ(Append().code(), StatusCode::kDataLoss);
  disk_.ClearFaults();
  disk_.AddFault({.pattern = "*.log", .op = env::DiskOp::kSync});
  ASSERT_TRUE(Append().ok());
  auto plan = log_->PlanFlush();
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->Execute().code(), StatusCode::kDataLoss);
}

TEST_F(LogFaultTest, AReadOnlyDiskIsNamedSo) {
  ASSERT_TRUE(Append().ok());
  disk_.AddFault({.op = env::DiskOp::kWrite, .kind = env::DiskFaultKind::kReadOnly});
  EXPECT_EQ(Append().code(), StatusCode::kPermissionDenied);
  EXPECT_TRUE(Read(0).ok());
}

TEST_F(LogFaultTest, TooManyOpenFilesPasses) {
  ASSERT_TRUE(Append().ok());
  log_->CloseIdleFiles();
  log_->CloseIdleFiles();
  const int fault = disk_.AddFault({.op = env::DiskOp::kOpen, .kind = env::DiskFaultKind::kTooManyFiles});
  EXPECT_EQ(Append().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Read(0).status().code(), StatusCode::kResourceExhausted);
  disk_.RemoveFault(fault);
  EXPECT_TRUE(Append().ok());
  EXPECT_TRUE(Read(0).ok());
}

TEST_F(LogFaultTest, ACorruptSealedSegmentHurtsItsReadersOnly) {
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(Append().ok());
  ASSERT_GT(log_->segment_count(), 2u);
  ASSERT_TRUE(log_->Close().ok());
  // The magic byte of the first batch.
  ASSERT_TRUE(disk_.Corrupt("/d/t-0/00000000000000000000.log", 16));
  ASSERT_TRUE(Open(200, true).ok());
  EXPECT_EQ(Read(0).status().code(), StatusCode::kDataLoss);
  EXPECT_TRUE(Read(199).ok());
  EXPECT_TRUE(Append().ok());
}

TEST_F(LogFaultTest, ATornTailAfterACleanShutdownIsRecoveredAnyway) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Append().ok());
  ASSERT_TRUE(log_->Close().ok());
  auto file = file_system_.Open("/d/t-0/00000000000000000000.log", env::OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->WriteAt((*file)->Size().value(), "garbage").ok());
  ASSERT_TRUE(Open(25, true).ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(25));
  EXPECT_TRUE(Append().ok());
}

TEST_F(LogFaultTest, ColdReadsAreAnnounced) {
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(Append().ok());
  disk_.set_cold_read_chance(1);
  ReadOptions options{.offset = Offset(7), .max_bytes = 100, .upper_bound = Offset(200)};
  options.may_block = false;
  EXPECT_EQ(log_->Read(options).status().code(), StatusCode::kUnavailable);
  options.may_block = true;
  EXPECT_TRUE(log_->Read(options).ok());
}

TEST_F(LogFaultTest, AFullDiskWhileRollingLosesNothing) {
  // Whatever write it is that fails first, in a roll or not, the log goes on afterwards.
  for (int skip = 0; skip < 60; ++skip) {
    const Offset before = log_->log_end_offset();
    disk_.AddFault(
        {.op = env::DiskOp::kWrite, .kind = env::DiskFaultKind::kNoSpace, .skip = skip, .times = 1});
    disk_.AddFault(
        {.op = env::DiskOp::kOpen, .kind = env::DiskFaultKind::kTooManyFiles, .skip = skip, .times = 1});
    int64_t appended = 0;
    for (int i = 0; i < 20; ++i) appended += Append().ok() ? 5 : 0;
    disk_.ClearFaults();
    ASSERT_EQ(log_->log_end_offset(), before + appended);
    ASSERT_TRUE(Append().ok());
    ASSERT_TRUE(Open(skip % 2 == 0 ? 0 : log_->recovery_point().value()).ok());
    ASSERT_EQ(log_->log_end_offset(), before + appended + 5);
  }
  int64_t offset = 0;
  while (offset < log_->log_end_offset().value()) {
    auto read = Read(offset);
    ASSERT_TRUE(read.ok()) << read.status();
    const std::string bytes = testing::ReadSlice(read->records);
    for (size_t at = 0; at < bytes.size();) {
      const BatchHeader header = DecodeBatchHeader(bytes.data() + at);
      ASSERT_EQ(header.base_offset, Offset(offset));
      offset = header.next_offset().value();
      at += static_cast<size_t>(header.size());
    }
  }
}

}  // namespace
}  // namespace dohle::storage
