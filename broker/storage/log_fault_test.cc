// What a log does when the disk is full, read-only, broken, or out of file descriptors.
#include <gtest/gtest.h>

#include <map>

#include "broker/storage/big_endian.h"
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
  LogOpenOptions Options(env::FileSystem& file_system, int64_t recovery_point, bool clean) {
    LogOpenOptions options;
    options.file_system = &file_system;
    options.directory = "/d/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<LogConfig>(config_);
    options.recovery_point = Offset(recovery_point);
    options.clean_shutdown = clean;
    return options;
  }
  Status Open(int64_t recovery_point = 0, bool clean = false) {
    log_.reset();
    auto opened = Log::Open(Options(file_system_, recovery_point, clean));
    if (!opened.ok()) return opened.status();
    log_ = *std::move(opened);
    return OkStatus();
  }
  Status Append(int count = 5, int64_t timestamp_ms = 1000) {
    std::string batch = SimpleBatch(count, timestamp_ms, 50);
    return log_->Append({batch.data(), batch.size()}, AppendOrigin::kClient, LeaderEpoch(0), 1).status();
  }
  StatusOr<ReadResult> Read(int64_t offset) {
    return log_->Read({.offset = Offset(offset), .max_bytes = 1 << 20, .upper_bound = Offset(INT64_MAX)});
  }
  void Flush() {
    auto plan = log_->PlanFlush();
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_TRUE(plan->Execute().ok());
    log_->MarkFlushed(*plan, 1);
  }
  uint64_t FileSize(const std::string& path) { return file_system_.ReadWhole(path)->size(); }
  // Each entry of both indexes names the last offset of a batch, the offset index where it begins as well.
  void CheckIndexes(const std::string& segment) {
    const std::string log = *file_system_.ReadWhole(segment + ".log");
    std::map<int64_t, BatchHeader> by_position;
    std::map<int64_t, BatchHeader> by_last_offset;
    for (size_t at = 0; at < log.size();) {
      const BatchHeader header = DecodeBatchHeader(log.data() + at);
      by_position[static_cast<int64_t>(at)] = by_last_offset[header.last_offset().value()] = header;
      at += static_cast<size_t>(header.size());
    }
    const std::string offsets = *file_system_.ReadWhole(segment + ".index");
    ASSERT_GE(offsets.size(), 16u);
    for (size_t at = 0; at + 8 <= offsets.size(); at += 8) {
      const auto found = by_position.find(LoadBig<int32_t>(offsets.data() + at + 4));
      ASSERT_NE(found, by_position.end());
      EXPECT_EQ(found->second.last_offset(), Offset(LoadBig<int32_t>(offsets.data() + at)));
    }
    const std::string times = *file_system_.ReadWhole(segment + ".timeindex");
    ASSERT_GE(times.size(), 24u);
    for (size_t at = 0; at + 12 <= times.size(); at += 12) {
      const auto found = by_last_offset.find(LoadBig<int32_t>(times.data() + at + 8));
      ASSERT_NE(found, by_last_offset.end());
      EXPECT_EQ(found->second.max_timestamp, LoadBig<int64_t>(times.data() + at));
    }
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

TEST_F(LogFaultTest, AnAppendWhoseIndexEntryFailsLeavesNoTrace) {
  for (int64_t i = 0; i < 4; ++i) ASSERT_TRUE(Append(5, 1000 + i * 10).ok());
  Flush();  // so that no index entry is in memory only, and the next one must look at the file
  const Offset end = log_->log_end_offset();
  const auto newest = log_->MaxTimestamp();
  ASSERT_TRUE(newest.ok() && newest->has_value());
  disk_.AddFault(
      {.pattern = "*.timeindex", .op = env::DiskOp::kRead, .kind = env::DiskFaultKind::kTooManyFiles});
  EXPECT_EQ(Append(3, 900'000).code(), StatusCode::kResourceExhausted);
  disk_.ClearFaults();
  EXPECT_EQ(log_->log_end_offset(), end);
  const auto after = log_->MaxTimestamp();
  ASSERT_TRUE(after.ok() && after->has_value());
  EXPECT_EQ(**after, **newest) << "the timestamp of records that aren't there";
  const auto later = log_->OffsetForTimestamp(500'000, Offset(INT64_MAX));
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_FALSE(later->has_value());
  // Other batches take the place of the lost one, with other offsets at its position.
  for (int64_t i = 0; i < 4; ++i) ASSERT_TRUE(Append(7, 2000 + i * 10).ok());
  ASSERT_TRUE(log_->Close().ok());
  CheckIndexes("/d/t-0/00000000000000000000");
}

TEST_F(LogFaultTest, WhatAFailedAppendLeftIsCutOffBeforeTheNext) {
  ASSERT_TRUE(Append(5).ok());
  const uint64_t size = FileSize("/d/t-0/00000000000000000000.log");
  // The batch is written, its index entry isn't, and cutting it off fails as well.
  for (int64_t i = 0; i < 3; ++i) ASSERT_TRUE(Append(5, 1000 + i * 10).ok());
  Flush();
  disk_.AddFault(
      {.pattern = "*.timeindex", .op = env::DiskOp::kRead, .kind = env::DiskFaultKind::kTooManyFiles});
  const int uncut = disk_.AddFault({.pattern = "*.log", .op = env::DiskOp::kTruncate});
  const Offset end = log_->log_end_offset();
  EXPECT_FALSE(Append(20, 900'000).ok());
  ASSERT_GT(FileSize("/d/t-0/00000000000000000000.log"), 4 * size);
  disk_.ClearFaults();
  disk_.RemoveFault(uncut);
  ASSERT_TRUE(Append(1).ok());
  ASSERT_TRUE(Open(0).ok());
  EXPECT_EQ(log_->log_end_offset(), end + 1) << "a recovery found records that were refused";
}

TEST_F(LogFaultTest, ASegmentIsNotSealedOverTheRemainsOfAFailedAppend) {
  for (int64_t i = 0; i < 4; ++i) ASSERT_TRUE(Append(5, 1000 + i * 10).ok());
  Flush();
  disk_.AddFault(
      {.pattern = "*.timeindex", .op = env::DiskOp::kRead, .kind = env::DiskFaultKind::kTooManyFiles});
  disk_.AddFault({.pattern = "*.log", .op = env::DiskOp::kTruncate});
  EXPECT_FALSE(Append(5, 900'000).ok());
  EXPECT_FALSE(log_->MaybeRoll(0, true).ok());
  disk_.ClearFaults();
  ASSERT_TRUE(log_->MaybeRoll(0, true).ok());
  ASSERT_TRUE(Append(1).ok());
  // Had they stayed, the next segment wouldn't follow and would be dropped.
  ASSERT_TRUE(Open(0).ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(21));
}

TEST_F(LogFaultTest, WhatAFailedFlushDidNotSyncIsInTheNextOne) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    env::SimDisk disk(seed);
    env::SimFileSystem file_system(disk, clock_);
    ASSERT_TRUE(file_system.CreateDirectories("/d").ok());
    disk.SyncAll();
    ASSERT_TRUE(file_system.CreateDirectories("/d/t-0").ok());
    LogOpenOptions options = Options(file_system, 0, false);
    std::unique_ptr<Log> log = *Log::Open(options);
    std::string batch = SimpleBatch(5);
    ASSERT_TRUE(log->Append({batch.data(), batch.size()}, AppendOrigin::kClient, LeaderEpoch(3), 1).ok());
    const auto first = log->PlanFlush();
    ASSERT_TRUE(first.ok());
    disk.AddFault({.pattern = seed % 2 == 0 ? "/d/t-0" : "/d", .op = env::DiskOp::kSync});
    EXPECT_FALSE(first->Execute().ok());
    disk.ClearFaults();
    const auto second = log->PlanFlush();
    ASSERT_TRUE(second.ok());
    ASSERT_TRUE(second->Execute().ok());
    log->MarkFlushed(*second, 1);
    EXPECT_TRUE(log->PlanFlush()->directories.empty()) << "once is enough";
    log.reset();
    disk.LoseUnsynced();
    options = Options(file_system, 5, false);
    auto opened = Log::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ((*opened)->log_end_offset(), Offset(5));
    EXPECT_EQ((*opened)->latest_epoch(), LeaderEpoch(3));
  }
}

TEST_F(LogFaultTest, WhatChangesWhileTheDiskWorksIsNotMarkedAsFlushed) {
  ASSERT_TRUE(Append().ok());
  const auto plan = log_->PlanFlush();
  ASSERT_TRUE(plan.ok() && plan->Execute().ok());
  ASSERT_TRUE(log_->MaybeRoll(0, true).ok());
  log_->MarkFlushed(*plan, 1);
  EXPECT_FALSE(log_->PlanFlush()->directories.empty()) << "the new segment's name isn't on the disk";
}

TEST_F(LogFaultTest, WhatTookThePlaceOfFlushedRecordsIsNotFlushed) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append().ok());
  const auto plan = log_->PlanFlush();
  ASSERT_TRUE(plan.ok() && plan->Execute().ok());
  ASSERT_TRUE(log_->TruncateTo(Offset(5)).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append().ok());
  log_->MarkFlushed(*plan, 1);
  EXPECT_EQ(log_->recovery_point(), Offset(0));
  Flush();
  EXPECT_EQ(log_->recovery_point(), Offset(20));
}

TEST_F(LogFaultTest, AFlushForWhichThereIsNoRoomLosesTrust) {
  ASSERT_TRUE(Append().ok());
  disk_.AddFault({.pattern = "*.log", .op = env::DiskOp::kSync, .kind = env::DiskFaultKind::kNoSpace});
  // What the kernel couldn't write it may have dropped: no later sync proves anything.
  EXPECT_EQ(log_->PlanFlush()->Execute().code(), StatusCode::kDataLoss);
}

TEST_F(LogFaultTest, AFullDiskDoesNotKeepAFlushFromTheDisk) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Append().ok());
  Flush();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append().ok());
  disk_.set_capacity(disk_.used_bytes());
  Flush();
  EXPECT_EQ(log_->recovery_point(), log_->log_end_offset());
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
