#include "broker/storage/log.h"

#include "broker/storage/producer_state.h"
#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"

namespace dohle::storage {
namespace {

using testing::LogFixture;
using testing::MarkerBatch;
using testing::ProducerBatchOf;
using testing::SimpleBatch;

class LogTest : public LogFixture {};

BatchHeader HeaderOf(const std::string& bytes) {
  EXPECT_GE(bytes.size(), kBatchHeaderBytes);
  return bytes.size() < kBatchHeaderBytes ? BatchHeader{} : DecodeBatchHeader(bytes.data());
}

TEST_F(LogTest, AssignsOffsetsAndLeaderEpoch) {
  Open();
  epoch_ = 7;
  EXPECT_EQ(Append(SimpleBatch(3)).first_offset, Offset(0));
  const AppendResult second = Append(SimpleBatch(2));
  EXPECT_EQ(second.first_offset, Offset(3));
  EXPECT_EQ(second.last_offset, Offset(4));
  EXPECT_EQ(log_->log_end_offset(), Offset(5));
  const std::string stored = Read(3);
  EXPECT_EQ(HeaderOf(stored).base_offset, Offset(3));
  EXPECT_EQ(HeaderOf(stored).leader_epoch, LeaderEpoch(7));
  EXPECT_TRUE(BatchCrcMatches(stored));
  EXPECT_EQ(log_->latest_epoch(), LeaderEpoch(7));
  Flush();
  EXPECT_EQ(File("leader-epoch-checkpoint"), "0\n1\n7 0\n");
}

TEST_F(LogTest, StampsLogAppendTime) {
  config_.timestamp_type = TimestampType::kLogAppendTime;
  Open();
  now_ms_ = 77'777;
  EXPECT_EQ(Append(SimpleBatch(1)).log_append_time_ms, 77'777);
  const std::string stored = Read(0);
  EXPECT_TRUE(HeaderOf(stored).log_append_time());
  EXPECT_EQ(HeaderOf(stored).max_timestamp, 77'777);
  EXPECT_TRUE(BatchCrcMatches(stored));
}

TEST_F(LogTest, ReadGivesWholeBatchesFromTheOneThatHoldsTheOffset) {
  Open();
  const size_t size = SimpleBatch(10).size();
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(10));
  EXPECT_EQ(HeaderOf(Read(555)).base_offset, Offset(550));
  EXPECT_EQ(Read(550).size(), size * 45);
  EXPECT_EQ(Read(550, 1).size(), size) << "at least one batch";
  EXPECT_EQ(Read(550, size * 2 + 5).size(), size * 2 + 5) << "cut as Kafka cuts";
  EXPECT_EQ(Read(0, 1 << 20, 20).size(), size * 2) << "up to the high watermark";
  EXPECT_EQ(Read(20, 1 << 20, 20).size(), 0u);
  EXPECT_EQ(Read(1000).size(), 0u);
  EXPECT_EQ(TryRead(1001).status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ(TryRead(-1).status().code(), StatusCode::kOutOfRange);
}

TEST_F(LogTest, RollsBySizeAndReadsAcrossSegments) {
  config_.segment_bytes = 4000;
  config_.index_interval_bytes = 500;
  Open();
  const size_t size = SimpleBatch(10).size();
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(10, 1000 + i * 10));
  EXPECT_GT(log_->segment_count(), 3u);
  EXPECT_EQ(log_->size_bytes(), size * 100);
  int64_t offset = 0;
  int reads = 0;
  while (offset < 1000) {
    const std::string bytes = Read(offset);
    for (size_t at = 0; at + kBatchHeaderBytes <= bytes.size();) {
      const BatchHeader header = DecodeBatchHeader(bytes.data() + at);
      ASSERT_EQ(header.base_offset, Offset(offset));
      offset = header.next_offset().value();
      at += static_cast<size_t>(header.size());
    }
    ASSERT_LE(++reads, 100);
  }
}

TEST_F(LogTest, RollsByTime) {
  config_.segment_ms = 5000;
  Open();
  Append(SimpleBatch(1, 1000));
  Append(SimpleBatch(1, 6000));
  EXPECT_EQ(log_->segment_count(), 1u);
  Append(SimpleBatch(1, 6001));
  EXPECT_EQ(log_->segment_count(), 2u);
}

TEST_F(LogTest, RefusesMoreThanASegment) {
  config_.segment_bytes = 1000;
  Open();
  EXPECT_EQ(Append(SimpleBatch(1, 1, 2000)).rejection, AppendRejection::kRecordListTooLarge);
  EXPECT_EQ(log_->log_end_offset(), Offset(0));
}

TEST_F(LogTest, CleanRestartKeepsEverything) {
  config_.segment_bytes = 4000;
  config_.index_interval_bytes = 500;
  Open();
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(10, 1000 + i * 10));
  const std::string before = Read(990);
  Restart();
  EXPECT_EQ(log_->log_end_offset(), Offset(1000));
  EXPECT_EQ(log_->recovery_point(), Offset(1000));
  EXPECT_EQ(Read(990), before);
  EXPECT_EQ(HeaderOf(Read(123)).base_offset, Offset(120));
  EXPECT_EQ(Append(SimpleBatch(1)).first_offset, Offset(1000));
}

TEST_F(LogTest, DuplicatesOfTheLastFiveBatchesGetTheirOffsets) {
  Open();
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(Append(ProducerBatchOf(9, 0, i * 2, 2)).duplicate);
  const AppendResult again = Append(ProducerBatchOf(9, 0, 2, 2));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.first_offset, Offset(2));
  EXPECT_EQ(again.last_offset, Offset(3));
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 0, 2)).rejection, AppendRejection::kOutOfOrderSequenceNumber);
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 14, 2)).rejection, AppendRejection::kOutOfOrderSequenceNumber);
  EXPECT_EQ(Append(ProducerBatchOf(9, 1, 3, 1)).rejection, AppendRejection::kOutOfOrderSequenceNumber);
  EXPECT_EQ(Append(ProducerBatchOf(9, 1, 0, 1)).rejection, AppendRejection::kNone);
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 12, 1)).rejection, AppendRejection::kInvalidProducerEpoch);
  EXPECT_EQ(log_->log_end_offset(), Offset(13));
}

TEST_F(LogTest, ProducerStateSurvivesRestartAndCrash) {
  config_.segment_bytes = 500;
  Open();
  for (int i = 0; i < 20; ++i) Append(ProducerBatchOf(9, 0, i, 1));
  Restart();
  EXPECT_TRUE(Append(ProducerBatchOf(9, 0, 19, 1)).duplicate);
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 20, 1)).first_offset, Offset(20));
  Crash();
  EXPECT_TRUE(Append(ProducerBatchOf(9, 0, 20, 1)).duplicate);
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 22, 1)).rejection, AppendRejection::kOutOfOrderSequenceNumber);
}

// A snapshot of producers holds the last batch of each; what a client sends again may be older.
TEST_F(LogTest, RepetitionsAreKnownAfterARestartThoughNotWhereTheyAre) {
  Open();
  for (int i = 0; i < 4; ++i) Append(ProducerBatchOf(9, 0, i * 2, 2));
  Restart();
  const AppendResult again = Append(ProducerBatchOf(9, 0, 2, 2));
  EXPECT_EQ(again.rejection, AppendRejection::kNone);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.first_offset, kNoOffset);
  EXPECT_EQ(again.last_offset, Offset(5));
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 6, 2)).first_offset, Offset(6));
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 10, 2)).rejection, AppendRejection::kOutOfOrderSequenceNumber);
  // Once as many are known as a producer may have under way, what is older is an error again.
  for (int i = 4; i < 9; ++i) Append(ProducerBatchOf(9, 0, i * 2, 2));
  EXPECT_EQ(Append(ProducerBatchOf(9, 0, 4, 2)).rejection, AppendRejection::kOutOfOrderSequenceNumber);
}

TEST_F(LogTest, TransactionsHoldTheLastStableOffset) {
  Open();
  Append(SimpleBatch(2));
  Append(ProducerBatchOf(1, 0, 0, 3, true));
  Append(ProducerBatchOf(2, 0, 0, 1, true));
  EXPECT_EQ(log_->first_unstable_offset(), Offset(2));
  EXPECT_TRUE(log_->HasOngoingTransaction(ProducerId(1), ProducerEpoch(0)));
  Append(MarkerBatch(1, 0, /*abort=*/true), AppendOrigin::kCoordinator);
  EXPECT_EQ(log_->first_unstable_offset(), Offset(2)) << "until the marker is replicated";
  log_->OnHighWatermark(Offset(7));
  EXPECT_EQ(log_->first_unstable_offset(), Offset(5));
  Append(MarkerBatch(2, 0, /*abort=*/false), AppendOrigin::kCoordinator);
  log_->OnHighWatermark(Offset(8));
  EXPECT_EQ(log_->first_unstable_offset(), std::nullopt);

  ReadOptions options{.offset = Offset(0), .max_bytes = 1 << 20, .upper_bound = Offset(8)};
  options.aborted_transactions = true;
  auto read = log_->Read(options);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->aborted, (std::vector<AbortedTransaction>{{ProducerId(1), Offset(2)}}));
  EXPECT_EQ(File("00000000000000000000.txnindex").size(), 34u);
  EXPECT_EQ(Append(MarkerBatch(1, 0, true, -1), AppendOrigin::kCoordinator).rejection,
            AppendRejection::kTransactionCoordinatorFenced);
  Crash();
  EXPECT_EQ(File("00000000000000000000.txnindex").size(), 34u) << "rebuilt, not doubled";
}

TEST_F(LogTest, TornTailIsCutOff) {
  Open();
  for (int i = 0; i < 10; ++i) Append(SimpleBatch(1));
  Flush();
  const std::string torn = SimpleBatch(5);
  Append(SimpleBatch(1));
  const std::string path = LogPath() + "/00000000000000000000.log";
  auto file = directory_.file_system().Open(path, env::OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->WriteAt(log_->size_bytes(), std::string_view(torn).substr(0, torn.size() - 3)).ok());
  Crash();
  EXPECT_EQ(log_->log_end_offset(), Offset(11));
  EXPECT_EQ((*file)->Size().value(), log_->size_bytes());
  EXPECT_EQ(Append(SimpleBatch(1)).first_offset, Offset(11));
}

TEST_F(LogTest, RecoveryReadsFromTheRecoveryPointOnly) {
  config_.index_interval_bytes = 200;
  Open();
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(1));
  Flush();
  for (int i = 0; i < 10; ++i) Append(SimpleBatch(1));
  // Damage below the recovery point isn't recovery's business (a reader meets it), above it is.
  const size_t size = SimpleBatch(1).size();
  auto file =
      directory_.file_system().Open(LogPath() + "/00000000000000000000.log", env::OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->WriteAt(size * 20 - 2, "XX").ok());
  ASSERT_TRUE((*file)->WriteAt(size * 106 - 2, "XX").ok());
  Crash();
  EXPECT_EQ(log_->log_end_offset(), Offset(105));
}

TEST_F(LogTest, MissingIndexesAreRebuilt) {
  config_.segment_bytes = 4000;
  config_.index_interval_bytes = 500;
  Open();
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(10, 1000 + i * 10));
  ASSERT_TRUE(log_->Close().ok());
  const std::string index = File("00000000000000000000.index");
  const std::string times = File("00000000000000000000.timeindex");
  EXPECT_GT(index.size(), 8u);
  ASSERT_TRUE(directory_.file_system().Remove(LogPath() + "/00000000000000000000.index").ok());
  Open(true, 1000);
  EXPECT_EQ(HeaderOf(Read(77)).base_offset, Offset(70));
}

TEST_F(LogTest, WrongIndexIsRebuiltWhenAReaderMeetsIt) {
  config_.index_interval_bytes = 500;
  Open();
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(10));
  ASSERT_TRUE(log_->Close().ok());
  auto file =
      directory_.file_system().Open(LogPath() + "/00000000000000000000.index", env::OpenMode::kReadWrite);
  std::string entry;
  AppendBig<int32_t>(entry, 500);
  AppendBig<int32_t>(entry, 777);
  for (uint64_t at = 0; at + 8 < (*file)->Size().value(); at += 8)
    ASSERT_TRUE((*file)->WriteAt(at, entry).ok());
  Open(true, 1000);
  EXPECT_EQ(HeaderOf(Read(777)).base_offset, Offset(770));
  EXPECT_EQ(HeaderOf(Read(505)).base_offset, Offset(500));
}

TEST_F(LogTest, FindsOffsetsByTimestamp) {
  config_.segment_bytes = 4000;
  config_.index_interval_bytes = 500;
  Open();
  epoch_ = 3;
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(10, 1000 + i * 100));
  const auto find = [&](int64_t timestamp) {
    return log_->OffsetForTimestamp(timestamp, Offset(1000)).value();
  };
  EXPECT_EQ(find(0), (TimestampedOffset{1000, Offset(0), LeaderEpoch(3)}));
  EXPECT_EQ(find(1503), (TimestampedOffset{1503, Offset(53), LeaderEpoch(3)}));
  EXPECT_EQ(find(1510), (TimestampedOffset{1600, Offset(60), LeaderEpoch(3)}));
  EXPECT_EQ(find(99'999'999), std::nullopt);
  EXPECT_EQ(log_->MaxTimestamp().value(), (TimestampedOffset{10'909, Offset(999), LeaderEpoch(3)}));
}

TEST_F(LogTest, TruncatesAndGoesOn) {
  config_.segment_bytes = 4000;
  config_.index_interval_bytes = 500;
  Open();
  for (int i = 0; i < 100; ++i) {
    epoch_ = i / 10;
    Append(SimpleBatch(10, 1000 + i * 10));
  }
  ASSERT_TRUE(log_->TruncateTo(Offset(515)).ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(510)) << "the batch that holds the offset goes as a whole";
  EXPECT_EQ(log_->latest_epoch(), LeaderEpoch(5));
  // Begun as leader, without a record: the next leader doesn't know it.
  ASSERT_TRUE(log_->AssignEpochStart(LeaderEpoch(77), Offset(510)).ok());
  ASSERT_TRUE(log_->TruncateTo(Offset(511)).ok());
  EXPECT_EQ(log_->latest_epoch(), LeaderEpoch(77));
  ASSERT_TRUE(log_->TruncateTo(Offset(510)).ok());
  EXPECT_EQ(log_->latest_epoch(), LeaderEpoch(5));
  ASSERT_TRUE(log_->TruncateTo(Offset(0)).ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(0));
  EXPECT_EQ(log_->size_bytes(), 0u);
  EXPECT_EQ(Append(SimpleBatch(1)).first_offset, Offset(0));
  ASSERT_TRUE(log_->TruncateFullyAndStartAt(Offset(5000)).ok());
  EXPECT_EQ(log_->log_start_offset(), Offset(5000));
  EXPECT_EQ(Append(SimpleBatch(1)).first_offset, Offset(5000));
  Crash();
  EXPECT_EQ(log_->log_start_offset(), Offset(5000));
  EXPECT_EQ(log_->log_end_offset(), Offset(5001));
}

TEST_F(LogTest, TruncationIntoTheFirstBatchOfAnEpochForgetsTheEpoch) {
  Open();
  epoch_ = 1;
  Append(SimpleBatch(10));
  epoch_ = 2;
  Append(SimpleBatch(10));
  ASSERT_TRUE(log_->TruncateTo(Offset(13)).ok());
  EXPECT_EQ(log_->log_end_offset(), Offset(10));
  EXPECT_EQ(log_->latest_epoch(), LeaderEpoch(1));
  EXPECT_EQ(Append(SimpleBatch(1)).first_offset, Offset(10));
}

TEST_F(LogTest, TruncationDoesNotBringBackWhatWasDeleted) {
  Open();
  epoch_ = 1;
  Append(SimpleBatch(10));
  Append(SimpleBatch(10));
  ASSERT_TRUE(log_->AdvanceLogStartOffset(Offset(12)).ok());
  ASSERT_TRUE(log_->TruncateTo(Offset(15)).ok());
  EXPECT_EQ(log_->log_start_offset(), Offset(12));
  EXPECT_EQ(log_->log_end_offset(), Offset(12));
  EXPECT_EQ(log_->latest_epoch(), kNoLeaderEpoch);
  EXPECT_EQ(Append(SimpleBatch(1)).first_offset, Offset(12));
  EXPECT_EQ(HeaderOf(Read(12)).base_offset, Offset(12));
}

TEST_F(LogTest, FollowerTakesWhatTheLeaderStored) {
  Open();
  testing::TestBatch batch;
  batch.base_offset = Offset(10);
  batch.leader_epoch = LeaderEpoch(4);
  batch.records = {{.value = "a"}, {.value = "b"}};
  std::string bytes = testing::Encode(batch);
  const std::string first = bytes;
  batch.base_offset = Offset(20);  // compaction leaves gaps
  bytes += testing::Encode(batch);
  const size_t whole = bytes.size();
  bytes += first.substr(0, 30);
  auto result = log_->AppendReplicated(bytes, now_ms_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->bytes, whole);
  EXPECT_EQ(log_->log_end_offset(), Offset(22));
  EXPECT_EQ(log_->latest_epoch(), LeaderEpoch(4));
  EXPECT_EQ(HeaderOf(Read(15)).base_offset, Offset(20));
  EXPECT_EQ(log_->AppendReplicated(first, now_ms_).status().code(), StatusCode::kInvalidArgument);
  std::string corrupt = first;
  StoreBig<int64_t>(corrupt.data(), 22);
  corrupt.back() = 'x';
  EXPECT_EQ(log_->AppendReplicated(corrupt, now_ms_).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(log_->log_end_offset(), Offset(22));
}

TEST_F(LogTest, RetentionByTimeSizeAndStartOffset) {
  config_.segment_bytes = 4000;
  config_.retention_ms = 1000;
  Open();
  for (int i = 0; i < 100; ++i) Append(SimpleBatch(10, 1000 + i * 10));
  const size_t segments = log_->segment_count();
  EXPECT_EQ(log_->ApplyRetention(1'500, Offset(1000)).value(), 0);
  EXPECT_EQ(log_->ApplyRetention(1'000'000, Offset(0)).value(), 0) << "nothing past the high watermark";
  EXPECT_EQ(log_->ApplyRetention(2'200, Offset(1000)).value(), 1);
  EXPECT_GT(log_->log_start_offset(), Offset(0));
  EXPECT_EQ(log_->TakeDeletedFiles().size(), 3u);

  config_.retention_ms = -1;
  log_->set_config(std::make_shared<LogConfig>(config_));
  ASSERT_TRUE(log_->AdvanceLogStartOffset(Offset(995)).ok());
  EXPECT_TRUE(log_->needs_log_start_checkpoint());
  EXPECT_EQ(log_->ApplyRetention(2'500, Offset(1000)).value(), static_cast<int>(segments) - 2);
  EXPECT_EQ(log_->log_start_offset(), Offset(995));
  EXPECT_EQ(TryRead(990).status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ(HeaderOf(Read(995)).base_offset, Offset(990));

  config_.retention_bytes = 0;
  log_->set_config(std::make_shared<LogConfig>(config_));
  EXPECT_EQ(log_->ApplyRetention(2'500, Offset(1000)).value(), 1);
  EXPECT_EQ(log_->size_bytes(), 0u) << "the active segment was rolled and went";
  EXPECT_EQ(log_->log_start_offset(), Offset(1000));
  Crash();
  EXPECT_EQ(log_->log_end_offset(), Offset(1000));
}

TEST_F(LogTest, LostLeaderEpochsAreReadOutOfTheBatches) {
  config_.segment_bytes = 1000;
  Open();
  for (epoch_ = 3; epoch_ < 30; epoch_ += 5) Append(SimpleBatch(10));
  Flush();
  auto file =
      directory_.file_system().Open(LogPath() + "/leader-epoch-checkpoint", env::OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->Truncate(0).ok());
  Crash();
  EXPECT_EQ(log_->EndOffsetForEpoch(LeaderEpoch(9)), (EpochEnd{LeaderEpoch(8), Offset(20)}));
  EXPECT_EQ(log_->latest_epoch(), LeaderEpoch(28));
}

TEST_F(LogTest, AnIdleLogHoldsNoFiles) {
  Open();
  Append(SimpleBatch(1));
  log_->CloseIdleFiles();
  log_->CloseIdleFiles();
  EXPECT_EQ(Read(0).size(), SimpleBatch(1).size());
  EXPECT_EQ(Append(SimpleBatch(1)).first_offset, Offset(1));
}

}  // namespace
}  // namespace dohle::storage
