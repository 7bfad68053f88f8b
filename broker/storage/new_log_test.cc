// A log that was begun in memory: what it is before it has files, and how it gets them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/storage/log.h"
#include "broker/storage/partition_directory.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_disk.h"
#include "lib/env/sim/sim_file_system.h"

namespace dohle::storage {
namespace {

using testing::SimpleBatch;

constexpr TopicId kTopic{3, 4};
using Names = std::vector<std::string>;

class StoppedClock : public env::Clock {
 public:
  int64_t WallTimeMs() const override { return 1'000'000; }
  env::MonotonicTime Now() const override { return env::MonotonicTime(0); }
};

class NewLogTest : public ::testing::Test {
 protected:
  NewLogTest() : file_system_(disk_, clock_) {
    EXPECT_TRUE(file_system_.CreateDirectories("/d").ok());
    disk_.SyncAll();
    log_ = Log::Begin(Options(), kTopic);
  }
  LogOpenOptions Options() {
    LogOpenOptions options;
    options.file_system = &file_system_;
    options.directory = "/d/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<LogConfig>();
    return options;
  }
  StatusOr<AppendResult> Append() {
    std::string batch = SimpleBatch(3);
    return log_->Append({batch.data(), batch.size()}, AppendOrigin::kClient, LeaderEpoch(2), 1);
  }
  Names In(const std::string& directory) {
    Names names;
    const auto entries = file_system_.List(directory);
    for (const auto& entry : *entries) names.push_back(entry.name);
    return names;
  }
  void Reopen(bool clean) {
    log_.reset();
    LogOpenOptions options = Options();
    options.clean_shutdown = clean;
    auto opened = Log::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    log_ = *std::move(opened);
  }

  env::SimDisk disk_{7};
  StoppedClock clock_;
  env::SimFileSystem file_system_;
  std::unique_ptr<Log> log_;
};

const Names kFiles{"00000000000000000000.index", "00000000000000000000.log", "00000000000000000000.timeindex",
                   "partition.metadata"};

TEST_F(NewLogTest, IsAnEmptyLogToItsReaders) {
  ASSERT_TRUE(log_->AssignEpochStart(LeaderEpoch(1), Offset(0)).ok());
  auto read = log_->Read({.offset = Offset(0), .max_bytes = 100, .upper_bound = Offset(0)});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->records.length, 0U);
  EXPECT_TRUE(absl::IsOutOfRange(log_->Read({.offset = Offset(1)}).status()));
  EXPECT_FALSE(log_->OffsetForTimestamp(0, Offset(0))->has_value());
  EXPECT_FALSE(log_->MaxTimestamp()->has_value());
  EXPECT_EQ(log_->EndOffsetForEpoch(LeaderEpoch(1)), (EpochEnd{LeaderEpoch(1), Offset(0)}));
  EXPECT_EQ(*log_->ApplyRetention(5, Offset(0)), 0);
  EXPECT_TRUE(log_->MaybeRoll(INT64_MAX / 2, true).ok());
  EXPECT_TRUE(log_->TruncateTo(Offset(0)).ok()) << "forgets the epoch, which had no record";
  EXPECT_FALSE(log_->needs_flush());
  EXPECT_TRUE(log_->PlanFlush()->files.empty());
  EXPECT_FALSE(log_->has_files());
  EXPECT_EQ(In("/d"), Names());
}

TEST_F(NewLogTest, GetsItsFilesWithTheFirstRecord) {
  ASSERT_TRUE(Append().ok());
  EXPECT_TRUE(log_->has_files());
  EXPECT_EQ(In("/d/t-0"), kFiles);
  EXPECT_EQ(*ReadPartitionMetadata(file_system_, "/d/t-0"), kTopic);
  const auto plan = log_->PlanFlush();
  EXPECT_EQ(plan->directories, (Names{"/d/t-0", "/d"}));
  Reopen(false);
  EXPECT_EQ(log_->log_end_offset(), Offset(3));
}

TEST_F(NewLogTest, GetsItsFilesWhenItIsClosed) {
  ASSERT_TRUE(log_->Close().ok());
  EXPECT_EQ(In("/d/t-0"), kFiles);
  log_.reset();
  disk_.LoseUnsynced();
  EXPECT_EQ(In("/d/t-0"), kFiles);
  Reopen(true);
  EXPECT_EQ(log_->log_end_offset(), Offset(0));
}

TEST_F(NewLogTest, AFullDiskIsTriedAgain) {
  disk_.set_capacity(disk_.used_bytes());
  EXPECT_TRUE(absl::IsResourceExhausted(Append().status()));
  EXPECT_TRUE(absl::IsResourceExhausted(log_->CreateFiles()));
  EXPECT_FALSE(log_->has_files());
  EXPECT_EQ(In("/d"), Names()) << "nothing half made stays";
  EXPECT_TRUE(log_->Close().ok()) << "it has nothing that could be lost";
  disk_.set_capacity(disk_.used_bytes() + 100'000);
  ASSERT_TRUE(Append().ok());
  EXPECT_EQ(In("/d/t-0"), kFiles);
}

TEST_F(NewLogTest, NeverTakesTheFilesOfAnother) {
  ASSERT_TRUE(file_system_.CreateDirectories("/d/t-0").ok());
  ASSERT_TRUE(file_system_.WriteWhole("/d/t-0/00000000000000000000.log", "records").ok());
  EXPECT_TRUE(absl::IsDataLoss(Append().status()));
  EXPECT_EQ(*file_system_.ReadWhole("/d/t-0/00000000000000000000.log"), "records");
}

TEST_F(NewLogTest, IsRenamedWithoutADirectory) {
  ASSERT_TRUE(log_->RenameDirectory("/d/t-0.x-delete").ok());
  EXPECT_EQ(log_->directory(), "/d/t-0.x-delete");
  EXPECT_EQ(In("/d"), Names());
}

TEST_F(NewLogTest, ARestartElsewhereMakesFilesThere) {
  ASSERT_TRUE(log_->TruncateFullyAndStartAt(Offset(40)).ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(40));
  ASSERT_TRUE(Append().ok());
  Reopen(false);
  EXPECT_EQ(log_->log_start_offset(), Offset(40));
  EXPECT_EQ(log_->log_end_offset(), Offset(43));
}

}  // namespace
}  // namespace dohle::storage
