// Compaction: which records stay.
#include "broker/storage/log_cleaner.h"

#include <gtest/gtest.h>

#include "broker/storage/test_cleaner.h"

namespace dohle::storage {
namespace {

using testing::Contents;
using testing::kHashKey;

class LogCleanerTest : public testing::LogCleanerFixture {};

using Strings = std::vector<std::string>;

TEST_F(LogCleanerTest, TheLastRecordOfAKeyStays) {
  Put("a", "1");
  Put("b", "1", kafka::Codec::kZstd);
  Put("a", "2");
  kafka::RecordBatchBuilder builder({.codec = kafka::Codec::kLz4});
  builder.Append(now_ms_, "c", "1");
  builder.Append(now_ms_, "d", "1");
  builder.Append(now_ms_, "c", "2");
  Append(*builder.Build());
  Put("d", "2");
  Put("x", "1");
  Roll();
  Put("a", "3");
  Clean();
  EXPECT_EQ(Records(), (Strings{"1 b=1", "2 a=2", "5 c=2", "6 d=2", "7 x=1", "8 a=3"}));
  EXPECT_EQ(cleaned_to_, Offset(8));
  const std::vector<std::string> batches = Batches();
  EXPECT_EQ(DecodeBatchHeader(batches[0].data()).codec(), 4);
  const BatchHeader rebuilt = DecodeBatchHeader(batches[2].data());
  EXPECT_EQ(rebuilt.codec(), 3);
  EXPECT_EQ(rebuilt.base_offset, Offset(3));
  EXPECT_EQ(rebuilt.last_offset(), Offset(5));
  EXPECT_EQ(rebuilt.record_count, 1);
  // What is read from an offset that is gone goes on behind it.
  Flush();
  Open();
  EXPECT_EQ(log_->log_end_offset(), Offset(9));
  EXPECT_EQ(Records().size(), 6u);
}

TEST_F(LogCleanerTest, ALostTailIsNoHoleOfCompaction) {
  for (int i = 0; i < 4; ++i) Put("a", "1");
  Roll();
  for (int i = 0; i < 4; ++i) Put("b", "1");
  Flush();
  Clean();
  ASSERT_EQ(Records().size(), 5u);
  Roll();
  Put("c", "1");
  Put("d", "1");
  Roll();
  Put("e", "1");
  // As after a loss of power: of what wasn't flushed a later file is there, of an earlier one only a part.
  Open();
  ASSERT_EQ(log_->log_end_offset(), Offset(11));
  const std::string path = "/d/t-0/00000000000000000008.log";
  const std::string bytes = *file_system_->ReadWhole(path);
  ASSERT_TRUE(file_system_->WriteWhole(path, bytes.substr(0, bytes.size() / 2)).ok());
  Open();
  EXPECT_EQ(log_->log_end_offset(), Offset(9));
  EXPECT_EQ(Records().back(), "8 c=1");
  // What compaction has left out is still no loss.
  EXPECT_EQ(Records().size(), 6u);
}

TEST_F(LogCleanerTest, SegmentsFollowOnEachOtherWhereACompactedLeaderLeavesOffsetsOut) {
  const auto replicate = [&](int64_t offset) {
    kafka::BatchOptions options;
    options.base_offset = Offset(offset);
    kafka::RecordBatchBuilder builder(options);
    builder.Append(now_ms_, "key", std::string(500, 'v'));
    const std::string batch = *builder.Build();
    const auto appended = log_->AppendReplicated({batch.data(), batch.size()}, now_ms_);
    ASSERT_TRUE(appended.ok()) << appended.status();
  };
  for (const int64_t offset : {3, 10, 20, 30, 40, 50}) replicate(offset);
  ASSERT_GT(log_->segment_count(), 1u);
  Open();
  EXPECT_EQ(log_->log_end_offset(), Offset(51)) << "a hole was taken for a lost tail";
  EXPECT_EQ(Records().size(), 6u);
}

TEST_F(LogCleanerTest, TombstonesGoAfterTheirHorizon) {
  Put("a", "1");
  Put("b", "1");
  Delete("a");
  Put("z", "1");
  Roll();
  Clean();
  EXPECT_EQ(Records(), (Strings{"1 b=1", "2 a=null", "3 z=1"}));
  const auto horizon = kafka::RecordBatchView(Batches()[1]).delete_horizon_ms();
  EXPECT_EQ(horizon, now_ms_ + config_.delete_retention_ms);
  now_ms_ += 999;
  Put("y", "1");
  Roll();
  Clean();
  EXPECT_EQ(Records().size(), 4u);
  EXPECT_EQ(kafka::RecordBatchView(Batches()[1]).delete_horizon_ms(), horizon) << "set once";
  now_ms_ += 1;
  Put("x", "1");
  Roll();
  Clean();
  EXPECT_EQ(Records(), (Strings{"1 b=1", "3 z=1", "4 y=1", "5 x=1"}));
}

TEST_F(LogCleanerTest, TheLastBatchOfAProducerStaysEmpty) {
  for (int i = 0; i < 3; ++i) {
    testing::TestBatch batch;
    batch.producer_id = ProducerId(7);
    batch.producer_epoch = ProducerEpoch(0);
    batch.base_sequence = i;
    batch.records.push_back({.key = "a", .value = std::to_string(i), .timestamp_ms = now_ms_});
    Append(testing::Encode(batch));
  }
  Put("a", "3");
  Roll();
  Clean();
  EXPECT_EQ(Records(), Strings{"3 a=3"});
  const std::vector<std::string> batches = Batches();
  ASSERT_EQ(batches.size(), 2u);
  const BatchHeader emptied = DecodeBatchHeader(batches[0].data());
  EXPECT_EQ(emptied.record_count, 0);
  EXPECT_EQ(emptied.last_offset(), Offset(2));
  EXPECT_EQ(emptied.last_sequence(), 2);
  // The sequence goes on, even when the state has to be read out of the batches.
  Open();
  Append(testing::ProducerBatchOf(7, 0, 3, 1));
}

TEST_F(LogCleanerTest, AbortedRecordsGoAndThenTheirMarkers) {
  const auto transaction = [&](int64_t id, int sequence, const std::string& value, bool abort) {
    testing::TestBatch batch;
    batch.producer_id = ProducerId(id);
    batch.producer_epoch = ProducerEpoch(0);
    batch.base_sequence = sequence;
    batch.attributes = 16;
    batch.records.push_back({.key = "a", .value = value, .timestamp_ms = now_ms_});
    Append(testing::Encode(batch));
    Append(testing::MarkerBatch(id, 0, abort), AppendOrigin::kCoordinator);
  };
  transaction(1, 0, "committed", false);  // 0, 1
  transaction(2, 0, "aborted", true);     // 2, 3
  transaction(1, 1, "later", true);       // 4, 5
  Put("z", "1");                          // 6
  transaction(3, 0, "newest", true);      // 7, 8
  Roll();
  Put("y", "1");
  Clean();
  EXPECT_EQ(Records(), (Strings{"0 a=committed", "6 z=1", "9 y=1"}));
  EXPECT_EQ(Batches().size(), 10u) << "producers are alive and markers have emptied batches before them";
  // Everything that is aborted is still listed.
  auto read = log_->Read({.offset = Offset(0),
                          .max_bytes = 1 << 20,
                          .upper_bound = log_->log_end_offset(),
                          .aborted_transactions = true});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->aborted.size(), 3u);

  // Once the producers are forgotten the emptied batches go; the markers go a horizon later.
  now_ms_ += config_.producer_id_expiration_ms;
  ASSERT_TRUE(log_->ApplyRetention(now_ms_, log_->log_end_offset()).ok());
  Roll();
  Clean();
  EXPECT_EQ(Records(), (Strings{"0 a=committed", "6 z=1", "9 y=1"}));
  for (int round = 0; round < 2; ++round) {
    now_ms_ += config_.delete_retention_ms;
    Put("x" + std::to_string(round), "1");
    Roll();
    Clean();
  }
  int markers = 0;
  for (const std::string& batch : Batches()) markers += DecodeBatchHeader(batch.data()).control() ? 1 : 0;
  EXPECT_EQ(markers, 1) << "the committed transaction's, whose record is there";
  EXPECT_EQ(Records().size(), 5u);
}

TEST_F(LogCleanerTest, AnOpenTransactionStopsIt) {
  Put("a", "1");
  Put("a", "2");
  Roll();
  Put("b", "1");
  testing::TestBatch batch;
  batch.producer_id = ProducerId(7);
  batch.producer_epoch = ProducerEpoch(0);
  batch.base_sequence = 0;
  batch.attributes = 16;
  batch.records.push_back({.key = "a", .value = "open", .timestamp_ms = now_ms_});
  Append(testing::Encode(batch));
  Roll();
  Put("b", "2");
  Roll();
  Clean();
  EXPECT_EQ(Records(), (Strings{"1 a=2", "2 b=1", "3 a=open", "4 b=2"}));
  EXPECT_EQ(cleaned_to_, Offset(2));
}

TEST_F(LogCleanerTest, CompactionLagsAndRatio) {
  Put("a", "1");
  Roll();
  now_ms_ += 1000;
  Put("a", "2");
  Roll();
  config_.min_compaction_lag_ms = 500;
  log_->set_config(std::make_shared<LogConfig>(config_));
  auto judged = LogCleaner::Judge(*log_, std::nullopt, Offset(2), now_ms_);
  EXPECT_EQ(judged->first_uncleanable, Offset(1));
  EXPECT_TRUE(judged->due(0.5));
  judged = LogCleaner::Judge(*log_, Offset(1), Offset(2), now_ms_);
  EXPECT_FALSE(judged->due(0));
  judged = LogCleaner::Judge(*log_, Offset(1), Offset(2), now_ms_ + 501);
  EXPECT_EQ(judged->ratio(), 0.5);
  EXPECT_FALSE(judged->due(0.5));
  config_.max_compaction_lag_ms = 400;
  log_->set_config(std::make_shared<LogConfig>(config_));
  judged = LogCleaner::Judge(*log_, Offset(1), Offset(2), now_ms_ + 501);
  EXPECT_TRUE(judged->due(0.5));
  // The checkpoint of another life.
  EXPECT_EQ(LogCleaner::Judge(*log_, Offset(99), Offset(2), now_ms_)->first_dirty, Offset(0));
}

TEST_F(LogCleanerTest, SmallSegmentsBecomeOneAndItsMapStaysSmall) {
  for (int i = 0; i < 400; ++i) {
    Put("key-" + std::to_string(i % 5), std::to_string(i));
  }
  const size_t before = log_->segment_count();
  ASSERT_GT(before, 10u);
  Clean();
  Put("key-0", "395");
  Roll();
  // By their sizes before, as Kafka does: so it takes a second round.
  Clean();
  EXPECT_EQ(log_->segment_count(), 2u);
  EXPECT_EQ(Table().size(), 5u);
  EXPECT_EQ(Table()["key-4"], "399");
  EXPECT_LE(Records().size(), 5u + 2000 / 70);
  // The replaced files wait for their deletion.
  EXPECT_GE(log_->TakeDeletedFiles().size(), (before - 1) * 3);
}

TEST_F(LogCleanerTest, AFullMapCleansAsFarAsItReaches) {
  Contents expected;
  for (int i = 0; i < 300; ++i) {
    const std::string key = "key-" + std::to_string(i % 100);
    Put(key, std::to_string(i));
    expected[key] = std::to_string(i);
  }
  Roll();
  const CleaningLimits limits{.offset_map_bytes = 40 * OffsetMap::kSlotBytes};
  for (int round = 0; round < 12; ++round) {
    const std::optional<Offset> before = cleaned_to_;
    Clean(limits);
    EXPECT_EQ(Table(), expected);
    if (cleaned_to_ == before) break;
  }
  EXPECT_EQ(cleaned_to_, Offset(300));
}

TEST_F(LogCleanerTest, ATruncatedLogIsLeftAlone) {
  Put("a", "1");
  Put("a", "2");
  Roll();
  Put("b", "1");
  auto judged = LogCleaner::Judge(*log_, std::nullopt, Offset(3), now_ms_);
  auto round = LogCleaner::Plan(*log_, *judged, {}, kHashKey, now_ms_);
  const std::atomic<bool> stop = false;
  ASSERT_TRUE((*round)->BuildOffsetMap(stop).ok());
  ASSERT_TRUE((*round)->CleanGroup(stop).ok());
  ASSERT_TRUE(log_->TruncateTo(Offset(2)).ok());
  EXPECT_EQ((*round)->Install(*log_).code(), StatusCode::kAborted);
  round->reset();
  EXPECT_FALSE(file_system_->Exists("/d/t-0/00000000000000000000.log.cleaned"));
  EXPECT_EQ(Records().size(), 2u);
}

TEST_F(LogCleanerTest, ACorruptBatchIsReportedAndNothingChanges) {
  for (int i = 0; i < 60; ++i) Put("a", std::to_string(i));
  ASSERT_TRUE(disk_.Corrupt("/d/t-0/00000000000000000000.log", 70));
  EXPECT_EQ(TryClean().code(), StatusCode::kDataLoss);
  Put("a", "last");
}

TEST_F(LogCleanerTest, HolesAreNoLostTail) {
  for (int i = 0; i < 100; ++i) Put("a", std::string(50, 'x'));
  Roll();
  Put("a", "last");
  Clean();
  const Offset end = log_->log_end_offset();
  // Deletion now, and nothing was ever flushed as far as the checkpoint knows.
  config_.cleanup_compact = false;
  config_.cleanup_delete = true;
  for (int i = 0; i < 50; ++i) Put("b", std::string(50, 'x'));
  Open();
  EXPECT_EQ(log_->log_end_offset(), end + 50);
  EXPECT_EQ(Table()["a"], "last");
}

}  // namespace
}  // namespace dohle::storage
