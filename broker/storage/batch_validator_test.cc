#include "broker/storage/batch_validator.h"

#include <gtest/gtest.h>

#include <random>

#include "broker/storage/test_batches.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::storage {
namespace {

using testing::Encode;
using testing::SimpleBatch;
using testing::TestBatch;

constexpr int64_t kNow = 1'700'000'000'000;

class BatchValidatorTest : public ::testing::Test {
 protected:
  ValidationResult Validate(std::string& bytes, int16_t version = 11) {
    return ValidateProduced({bytes.data(), bytes.size()}, config_, version, kNow, partition_);
  }
  ValidationError ErrorOf(std::string bytes, int16_t version = 11) { return Validate(bytes, version).error; }

  LogConfig config_;
  const TopicPartition partition_{"orders", PartitionIndex(0)};
};

std::string Patched(std::string batch, size_t at, std::string_view bytes, bool fix_crc = true) {
  batch.replace(at, bytes.size(), bytes);
  if (fix_crc) StoreBig<uint32_t>(batch.data() + 17, kafka::RecordBatchView(batch).ComputeCrc());
  return batch;
}

std::string Big32(int32_t value) {
  std::string bytes;
  AppendBig<int32_t>(bytes, value);
  return bytes;
}

TEST_F(BatchValidatorTest, TakesAWellFormedBatchInPlace) {
  std::string bytes = SimpleBatch(3, kNow);
  const std::string before = bytes;
  const ValidationResult result = Validate(bytes);
  EXPECT_EQ(result.error, ValidationError::kNone) << result.message;
  EXPECT_EQ(result.batch.data(), bytes.data());
  EXPECT_EQ(result.batch.size(), bytes.size());
  EXPECT_EQ(result.record_count, 3);
  EXPECT_EQ(bytes, before);
}

TEST_F(BatchValidatorTest, RefusesWhatIsNotOneBatchOfV2) {
  const std::string good = SimpleBatch(1, kNow);
  EXPECT_EQ(ErrorOf(""), ValidationError::kInvalidRecord);
  EXPECT_EQ(ErrorOf(good.substr(0, good.size() - 1)), ValidationError::kInvalidRecord) << "cut";
  EXPECT_EQ(ErrorOf(good + good), ValidationError::kInvalidRecord) << "two";
  EXPECT_EQ(ErrorOf(Patched(good, 16, std::string(1, '\1'))), ValidationError::kInvalidRecord) << "magic 1";
  EXPECT_EQ(ErrorOf(Patched(good, 16, std::string(1, '\7'))), ValidationError::kCorruptMessage) << "magic 7";
  EXPECT_EQ(ErrorOf(Patched(good, 8, Big32(3), false)), ValidationError::kCorruptMessage) << "length 3";
}

TEST_F(BatchValidatorTest, ChecksTheHeader) {
  const std::string good = SimpleBatch(2, kNow);
  EXPECT_EQ(ErrorOf(Patched(good, 60, "\7")), ValidationError::kInvalidRecord) << "count";
  EXPECT_EQ(ErrorOf(Patched(good, good.size() - 3, "X", false)), ValidationError::kCorruptMessage) << "CRC";
  EXPECT_EQ(ErrorOf(Patched(good, 7, "\1", false)), ValidationError::kInvalidRecord) << "base offset";
  EXPECT_EQ(ErrorOf(Patched(good, 23, Big32(5))), ValidationError::kInvalidRecord) << "last offset delta";
  TestBatch control{.attributes = 32, .records = {{.value = "v", .timestamp_ms = kNow}}};
  EXPECT_EQ(ErrorOf(Encode(control)), ValidationError::kInvalidRecord);
  TestBatch unsequenced{.producer_id = ProducerId(1), .records = {{.value = "v", .timestamp_ms = kNow}}};
  EXPECT_EQ(ErrorOf(Encode(unsequenced)), ValidationError::kInvalidRecord);
  config_.max_message_bytes = static_cast<int32_t>(good.size()) - 1;
  EXPECT_EQ(ErrorOf(good), ValidationError::kMessageTooLarge);
}

TEST_F(BatchValidatorTest, NeedsKeysOnCompactedTopics) {
  config_.cleanup_compact = true;
  TestBatch batch{
      .records = {{.key = "k", .value = "v", .timestamp_ms = kNow}, {.value = "v", .timestamp_ms = kNow}}};
  std::string bytes = Encode(batch);
  const ValidationResult result = Validate(bytes);
  EXPECT_EQ(result.error, ValidationError::kInvalidRecord);
  ASSERT_EQ(result.record_errors.size(), 1u);
  EXPECT_EQ(result.record_errors[0].batch_index, 1);
}

TEST_F(BatchValidatorTest, BoundsTimestamps) {
  config_.timestamp_before_max_ms = 1000;
  config_.timestamp_after_max_ms = 500;
  EXPECT_EQ(ErrorOf(SimpleBatch(1, kNow - 1000)), ValidationError::kNone);
  EXPECT_EQ(ErrorOf(SimpleBatch(1, kNow - 1001)), ValidationError::kInvalidTimestamp);
  EXPECT_EQ(ErrorOf(SimpleBatch(1, kNow + 500)), ValidationError::kNone);
  EXPECT_EQ(ErrorOf(SimpleBatch(1, kNow + 501)), ValidationError::kInvalidTimestamp);
  config_.timestamp_type = TimestampType::kLogAppendTime;
  EXPECT_EQ(ErrorOf(SimpleBatch(1, 5)), ValidationError::kNone);
  TestBatch stamped{.attributes = 8, .records = {{.value = "v", .timestamp_ms = kNow}}};
  EXPECT_EQ(ErrorOf(Encode(stamped)), ValidationError::kInvalidTimestamp);
}

TEST_F(BatchValidatorTest, CorrectsAWrongMaximumTimestamp) {
  std::string wrong;
  AppendBig<int64_t>(wrong, kNow + 99'999);
  std::string bytes = Patched(SimpleBatch(3, kNow), 35, wrong);
  EXPECT_TRUE(Validate(bytes).ok());
  EXPECT_EQ(DecodeBatchHeader(bytes.data()).max_timestamp, kNow + 2);
  EXPECT_TRUE(BatchCrcMatches(bytes));
}

TEST_F(BatchValidatorTest, RefusesMalformedRecords) {
  // Whatever single byte of the records is changed: accepted or refused, never read out of bounds.
  const std::string good = SimpleBatch(4, kNow, 5);
  int refused = 0;
  for (size_t at = kBatchHeaderBytes; at < good.size(); ++at) {
    for (const char byte : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
      std::string bytes = Patched(good, at, std::string(1, byte));
      refused += Validate(bytes).ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 50);
}

TEST_F(BatchValidatorTest, CompressesToTheTopicsCodec) {
  for (const auto policy : {CompressionPolicy::kNone, CompressionPolicy::kGzip, CompressionPolicy::kSnappy,
                            CompressionPolicy::kLz4, CompressionPolicy::kZstd}) {
    for (const auto source : {kafka::Codec::kNone, kafka::Codec::kZstd, kafka::Codec::kGzip}) {
      config_.compression = policy;
      kafka::BatchOptions options;
      options.codec = source;
      options.producer_id = ProducerId(5);
      options.producer_epoch = ProducerEpoch(2);
      options.base_sequence = 7;
      kafka::RecordBatchBuilder builder(options);
      const kafka::RecordHeader header{"h", "x"};
      for (int i = 0; i < 50; ++i) builder.Append(kNow + i, "key", std::string(100, 'v'), {&header, 1});
      std::string bytes = builder.Build().value();
      const ValidationResult result = Validate(bytes);
      ASSERT_TRUE(result.ok()) << result.message;
      const kafka::RecordBatchView view({result.batch.data(), result.batch.size()});
      EXPECT_EQ(static_cast<int>(*view.codec()), static_cast<int>(policy));
      EXPECT_EQ(view.base_sequence(), 7);
      EXPECT_EQ(view.max_timestamp(), kNow + 49);
      EXPECT_TRUE(view.CrcMatches());
      auto reader = kafka::RecordReader::Open(view, 1 << 20).value();
      kafka::Record record;
      int count = 0;
      while (reader.Next(&record)) {
        EXPECT_EQ(record.value, std::string(100, 'v'));
        EXPECT_EQ(record.headers.size(), 1u);
        ++count;
      }
      EXPECT_EQ(count, 50);
    }
  }
}

TEST_F(BatchValidatorTest, OldProduceVersionsCantUseZstd) {
  kafka::BatchOptions options;
  options.codec = kafka::Codec::kZstd;
  kafka::RecordBatchBuilder builder(options);
  builder.Append(kNow, "k", "v");
  const std::string bytes = builder.Build().value();
  EXPECT_EQ(ErrorOf(bytes, 6), ValidationError::kUnsupportedCompressionType);
  EXPECT_EQ(ErrorOf(bytes, 7), ValidationError::kNone);
}

TEST_F(BatchValidatorTest, RandomBytesAreRefused) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string good = SimpleBatch(5, kNow);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 2 == 0) bytes.resize(random() % bytes.size());
    if (bytes.size() >= kBatchHeaderBytes &&
        DecodeBatchHeader(bytes.data()).size() == static_cast<int64_t>(bytes.size()))
      StoreBig<uint32_t>(bytes.data() + 17, kafka::RecordBatchView(bytes).ComputeCrc());
    (void)Validate(bytes);
  }
}

}  // namespace
}  // namespace dohle::storage
