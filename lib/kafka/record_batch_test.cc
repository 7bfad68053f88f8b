#include "lib/kafka/record_batch.h"

#include <gtest/gtest.h>

#include "lib/kafka/control_record.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::kafka {
namespace {

constexpr size_t kMax = 1 << 20;

std::string ThreeRecords(BatchOptions options) {
  RecordBatchBuilder builder(options);
  const RecordHeader headers[] = {{"h1", "v1"}, {"h2", std::nullopt}};
  builder.Append(1000, "key", "value");
  builder.Append(990, std::nullopt, std::string(3000, 'x'), headers);
  builder.Append(1020, "", std::nullopt);
  return *builder.Build();
}

std::vector<Record> Read(const RecordBatchView& batch, std::vector<std::string>* keep = nullptr) {
  auto reader = RecordReader::Open(batch, kMax);
  EXPECT_TRUE(reader.ok());
  std::vector<Record> records;
  Record record;
  while (reader->Next(&record)) {
    if (keep != nullptr && record.value.has_value()) keep->emplace_back(*record.value);
    records.push_back(record);
  }
  EXPECT_TRUE(reader->status().ok()) << reader->status();
  return records;
}

TEST(RecordBatchTest, HeaderSaysWhatTheBuilderWasTold) {
  BatchOptions options;
  options.base_offset = Offset(100);
  options.partition_leader_epoch = LeaderEpoch(7);
  options.producer_id = ProducerId(42);
  options.producer_epoch = ProducerEpoch(3);
  options.base_sequence = 11;
  options.transactional = true;
  const std::string bytes = ThreeRecords(options);
  const auto batch = RecordBatchView::Parse(bytes);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->size(), bytes.size());
  EXPECT_EQ(batch->base_offset(), Offset(100));
  EXPECT_EQ(batch->last_offset(), Offset(102));
  EXPECT_EQ(batch->next_offset(), Offset(103));
  EXPECT_EQ(batch->partition_leader_epoch(), LeaderEpoch(7));
  EXPECT_EQ(batch->producer_id(), ProducerId(42));
  EXPECT_EQ(batch->producer_epoch(), ProducerEpoch(3));
  EXPECT_EQ(batch->base_sequence(), 11);
  EXPECT_EQ(batch->last_sequence(), 13);
  EXPECT_EQ(batch->record_count(), 3);
  EXPECT_EQ(batch->base_timestamp(), 1000);
  EXPECT_EQ(batch->max_timestamp(), 1020);
  EXPECT_TRUE(batch->is_transactional());
  EXPECT_FALSE(batch->is_control());
  EXPECT_EQ(batch->codec(), Codec::kNone);
  EXPECT_TRUE(CheckCrc(*batch).ok());
  EXPECT_TRUE(CheckHeader(*batch).ok());
  EXPECT_TRUE(CheckProducedHeader(*batch).ok());
}

TEST(RecordBatchTest, RecordsRoundTripInEveryCodec) {
  for (int id = 0; id <= 4; ++id) {
    BatchOptions options;
    options.base_offset = Offset(5);
    options.codec = *CodecFromId(id);
    const std::string bytes = ThreeRecords(options);
    const auto batch = RecordBatchView::Parse(bytes);
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(batch->codec(), CodecFromId(id));
    auto reader = RecordReader::Open(*batch, kMax);
    ASSERT_TRUE(reader.ok());
    Record record;
    ASSERT_TRUE(reader->Next(&record));
    EXPECT_EQ(record, (Record{Offset(5), 1000, "key", "value", {}}));
    ASSERT_TRUE(reader->Next(&record));
    const std::string value(3000, 'x');
    EXPECT_EQ(record, (Record{Offset(6), 990, std::nullopt, value, {{"h1", "v1"}, {"h2", std::nullopt}}}));
    ASSERT_TRUE(reader->Next(&record));
    EXPECT_EQ(record, (Record{Offset(7), 1020, "", std::nullopt, {}}));
    EXPECT_FALSE(reader->Next(&record));
    EXPECT_TRUE(reader->status().ok());
  }
}

TEST(RecordBatchTest, LargeRecordsOfCompressedBatchesComeWhole) {
  BatchOptions options;
  options.codec = Codec::kZstd;
  RecordBatchBuilder builder(options);
  for (int i = 0; i < 20; ++i)
    builder.Append(i, std::nullopt, std::string(static_cast<size_t>(i) * 5000, static_cast<char>('a' + i)));
  const std::string bytes = *builder.Build();
  std::vector<std::string> values;
  EXPECT_EQ(Read(RecordBatchView(bytes), &values).size(), 20u);
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(values[i], std::string(i * 5000, static_cast<char>('a' + i)));
}

TEST(RecordBatchTest, BoundsDecompression) {
  BatchOptions options;
  options.codec = Codec::kGzip;
  RecordBatchBuilder builder(options);
  builder.Append(0, std::nullopt, std::string(1 << 20, '\0'));
  const std::string bytes = *builder.Build();
  auto reader = RecordReader::Open(RecordBatchView(bytes), 1 << 16);
  Record record;
  EXPECT_FALSE(reader->Next(&record));
  EXPECT_EQ(reader->status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(RecordBatchTest, PatchesInPlace) {
  std::string bytes = ThreeRecords({});
  SetBaseOffset(bytes.data(), Offset(77));
  SetPartitionLeaderEpoch(bytes.data(), LeaderEpoch(8));
  const RecordBatchView batch(bytes);
  EXPECT_EQ(batch.base_offset(), Offset(77));
  EXPECT_EQ(batch.partition_leader_epoch(), LeaderEpoch(8));
  EXPECT_TRUE(batch.CrcMatches()) << "neither is covered";
  SetLogAppendTime(bytes.data(), 5555);
  EXPECT_TRUE(batch.CrcMatches());
  EXPECT_EQ(batch.timestamp_type(), TimestampType::kLogAppendTime);
  EXPECT_EQ(batch.max_timestamp(), 5555);
  for (const Record& record : Read(batch)) EXPECT_EQ(record.timestamp_ms, 5555);
  SetCreateTime(bytes.data(), 1020);
  EXPECT_TRUE(batch.CrcMatches());
  EXPECT_EQ(bytes.substr(20), ThreeRecords({}).substr(20));
}

TEST(RecordBatchTest, NoticesAFlippedBit) {
  std::string bytes = ThreeRecords({});
  bytes[bytes.size() - 3] ^= 4;
  EXPECT_EQ(CheckCrc(RecordBatchView(bytes)).code(), absl::StatusCode::kDataLoss);
}

TEST(RecordBatchTest, ParseTellsCutOffFromMalformed) {
  const std::string bytes = ThreeRecords({});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(RecordBatchView::Parse(std::string_view(bytes).substr(0, size)).status().code(),
              absl::StatusCode::kOutOfRange);
  }
  std::string small = bytes;
  small[11] = 3;
  small[10] = 0;
  EXPECT_EQ(RecordBatchView::Parse(small).status().code(), absl::StatusCode::kInvalidArgument);
  std::string old = bytes;
  old[16] = 1;
  EXPECT_EQ(RecordBatchView::Parse(old).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(RecordBatchTest, ChecksWhatProducersMayNotSend) {
  BatchOptions options;
  RecordBatchBuilder gap(options);
  gap.Append(1, "a", "b");
  gap.AppendAt(Offset(5), 1, "c", "d");
  const std::string gap_bytes = *gap.Build();
  EXPECT_TRUE(CheckHeader(RecordBatchView(gap_bytes)).ok());
  EXPECT_FALSE(CheckProducedHeader(RecordBatchView(gap_bytes)).ok());
  options.producer_id = ProducerId(1);
  options.producer_epoch = ProducerEpoch(0);
  const std::string no_sequence = ThreeRecords(options);
  EXPECT_FALSE(CheckProducedHeader(RecordBatchView(no_sequence)).ok());
}

TEST(RecordBatchTest, CursorWalksAndStopsAtATornBatch) {
  const std::string one = ThreeRecords({});
  const std::string bytes = one + one + one.substr(0, 50);
  BatchCursor cursor(bytes);
  int count = 0;
  while (cursor.Next()) ++count;
  EXPECT_EQ(count, 2);
  EXPECT_TRUE(cursor.status().ok());
  EXPECT_EQ(cursor.rest().size(), 50u);

  std::string foreign = one + one;
  foreign[one.size() + 16] = 9;
  BatchCursor stops(foreign);
  EXPECT_TRUE(stops.Next().has_value());
  EXPECT_FALSE(stops.Next().has_value());
  EXPECT_EQ(stops.status().code(), absl::StatusCode::kUnimplemented);
}

TEST(RecordBatchTest, CompactedBatchKeepsItsOffsets) {
  BatchOptions options;
  options.base_offset = Offset(10);
  options.delete_horizon_ms = 9000;
  RecordBatchBuilder builder(options);
  builder.AppendAt(Offset(12), 1000, "k", std::nullopt);
  builder.ExtendTo(Offset(19));
  const std::string bytes = *builder.Build();
  const RecordBatchView batch(bytes);
  EXPECT_EQ(batch.last_offset(), Offset(19));
  EXPECT_EQ(batch.delete_horizon_ms(), 9000);
  const auto records = Read(batch);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].offset, Offset(12));
  EXPECT_EQ(records[0].timestamp_ms, 1000);
}

TEST(RecordBatchTest, SequencesWrap) {
  EXPECT_EQ(AddToSequence(INT32_MAX, 1), 0);
  EXPECT_EQ(AddToSequence(INT32_MAX - 2, 5), 2);
  EXPECT_EQ(AddToSequence(3, 4), 7);
}

TEST(RecordBatchTest, MaxRecordSizeIsAnUpperBound) {
  RecordBatchBuilder builder({});
  builder.Append(0, "k", "v");
  const size_t before = builder.size();
  const RecordHeader headers[] = {{"h", "v"}};
  builder.Append(INT64_MAX, "key", std::string(500, 'v'), headers);
  EXPECT_LE(builder.size() - before, MaxRecordSize("key", std::string(500, 'v'), headers));
}

TEST(RecordReaderTest, MalformedRecordsFail) {
  const std::string bytes = ThreeRecords({});
  const auto status_of = [](std::string changed) {
    auto reader = RecordReader::Open(RecordBatchView(changed), kMax);
    if (!reader.ok()) return reader.status();
    Record record;
    while (reader->Next(&record)) {
    }
    return reader->status();
  };
  std::string fewer = bytes;
  fewer[60] = 2;  // one record is then too many
  EXPECT_FALSE(status_of(fewer).ok());
  std::string more = bytes;
  more[60] = 4;
  EXPECT_FALSE(status_of(more).ok());
  std::string longer = bytes;
  longer[61] = static_cast<char>(longer[61] + 2);
  EXPECT_FALSE(status_of(longer).ok());
  std::string codec = bytes;
  codec[22] = 6;
  EXPECT_FALSE(status_of(codec).ok());
}

TEST(ControlRecordTest, TransactionMarker) {
  BatchOptions options;
  options.base_offset = Offset(9);
  options.producer_id = ProducerId(4);
  options.producer_epoch = ProducerEpoch(1);
  const std::string bytes = EndTransactionBatch(options, true, 12, 1234);
  const RecordBatchView batch(bytes);
  EXPECT_TRUE(batch.is_control());
  EXPECT_TRUE(batch.is_transactional());
  EXPECT_TRUE(batch.CrcMatches());
  const auto records = Read(batch);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(*records[0].key, std::string_view("\0\0\0\1", 4));
  EXPECT_EQ(*records[0].value, std::string_view("\0\0\0\0\0\x0c", 6));
  EXPECT_EQ(*ParseControlRecordKey(*records[0].key), ControlRecordType::kCommit);
  EXPECT_EQ(*ParseEndTransactionValue(*records[0].value), 12);
}

TEST(ControlRecordTest, KeysOfStrangers) {
  EXPECT_EQ(ParseControlRecordKey(std::string_view("\0\0\0\7", 4)).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ParseControlRecordKey("\0").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*ParseControlRecordKey(ControlRecordKey(ControlRecordType::kKraftVoters)),
            ControlRecordType::kKraftVoters);
}

}  // namespace
}  // namespace dohle::kafka
