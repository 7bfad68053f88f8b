#include "broker/storage/batch_validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "broker/storage/record_walk.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::storage {
namespace {

constexpr int16_t kFirstZstdVersion = 7;
constexpr size_t kMaxRecordErrors = 100;
constexpr size_t kShownRecordErrors = 3;
constexpr int8_t kCurrentMagic = 2;
constexpr int32_t kLeastLength = 14;  // of any format: LegacyRecord.RECORD_OVERHEAD_V0
// Of one batch, when decompressed: a bound on the time that a small request can cost.
constexpr size_t kMaxDecompressedBytes = size_t{256} << 20;

using kafka::RecordBatchView;

struct Checks {
  const LogConfig& config;
  int64_t now_ms;
  bool batch_has_append_time;
  ValidationResult& result;
  const TopicPartition& partition;
  int64_t max_timestamp = -1;
  bool wrong_timestamp = false;

  void Refuse(int32_t index, bool timestamp, std::string message) {
    wrong_timestamp = wrong_timestamp || timestamp;
    if (result.record_errors.size() < kMaxRecordErrors)
      result.record_errors.push_back({index, std::move(message)});
    result.error = wrong_timestamp ? ValidationError::kInvalidTimestamp : ValidationError::kInvalidRecord;
  }

  void See(int32_t index, int64_t timestamp, bool has_key) {
    max_timestamp = std::max(max_timestamp, timestamp);
    if (config.cleanup_compact && !has_key) [[unlikely]] {
      ++result.records_without_key;
      Refuse(index, false,
             fmt::format("Compacted topic cannot accept message without key in topic partition {}",
                         ToString(partition)));
      return;
    }
    if (config.timestamp_type == TimestampType::kCreateTime && timestamp != kafka::kNoTimestamp) {
      const bool in_range = timestamp >= oldest && timestamp <= newest;
      if (!in_range) [[unlikely]]
        Refuse(index, true,
               fmt::format(
                   "Timestamp {} of message with offset {} is out of range. The timestamp should be within "
                   "[{}, {}]",
                   timestamp, index, oldest, newest));
    } else if (batch_has_append_time) [[unlikely]] {
      Refuse(index, true,
             "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.");
    }
  }

  int64_t oldest = config.timestamp_before_max_ms > now_ms + (INT64_MAX >> 1)
                       ? INT64_MIN
                       : now_ms - config.timestamp_before_max_ms;
  int64_t newest =
      config.timestamp_after_max_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + config.timestamp_after_max_ms;
};

void Fail(ValidationResult& result, ValidationError error, std::string message) {
  result.error = error;
  result.message = std::move(message);
}

// What Kafka's LogValidator finds, which runs while the records are appended.
void FailInLog(ValidationResult& result, ValidationError error, std::string message) {
  Fail(result, error, std::move(message));
  result.log_start_is_answered = true;
}

// Bytes that Kafka can't even take for a batch. It says why.
void FailFraming(ValidationResult& result, std::string message) {
  Fail(result, ValidationError::kCorruptMessage, std::move(message));
  result.message_is_answered = true;
}

// One whole batch of format v2 and nothing behind it.
std::optional<RecordBatchView> TheOnlyBatch(std::string_view bytes, int16_t version,
                                            ValidationResult& result) {
  auto batch = RecordBatchView::Parse(bytes);
  if (!batch.ok()) {
    const auto magic = bytes.size() > 16 ? static_cast<int8_t>(bytes[16]) : int8_t{2};
    if (batch.status().code() == absl::StatusCode::kOutOfRange) {
      Fail(result, ValidationError::kInvalidRecord,
           fmt::format("Produce requests with version {} must have at least one record batch per partition",
                       version));
    } else if (magic == 0 || magic == 1) {
      Fail(result, ValidationError::kInvalidRecord,
           fmt::format(
               "Produce requests with version {} are only allowed to contain record batches with magic "
               "version 2",
               version));
    } else if (magic != kCurrentMagic) {
      FailFraming(result, fmt::format("Invalid magic found in record: {}", magic));
      result.unknown_magic = true;
    } else if (const auto length = kafka::LoadBigEndian<int32_t>(bytes.data() + sizeof(int64_t));
               length < kLeastLength) {
      FailFraming(result, fmt::format("Record size {} is less than the minimum record overhead ({})", length,
                                      kLeastLength));
    } else {
      Fail(result, ValidationError::kCorruptMessage, std::string(batch.status().message()));
    }
    return std::nullopt;
  }
  if (bytes.size() - batch->size() >= kafka::kBatchPrefixSize &&
      RecordBatchView::Parse(bytes.substr(batch->size())).ok()) {
    Fail(result, ValidationError::kInvalidRecord,
         fmt::format(
             "Produce requests with version {} are only allowed to contain exactly one record batch per "
             "partition",
             version));
    return std::nullopt;
  }
  return *batch;
}

bool CheckHeader(const RecordBatchView& batch, const LogConfig& config, int16_t version,
                 ValidationResult& result) {
  const std::optional<kafka::Codec> codec = batch.codec();
  if (!codec) {
    FailInLog(result, ValidationError::kUnknownServerError,
              fmt::format("Unknown compression type id: {}", batch.attributes() & 7));
  } else if (*codec == kafka::Codec::kZstd && version < kFirstZstdVersion) {
    Fail(result, ValidationError::kUnsupportedCompressionType,
         fmt::format("Produce requests with version {} are not allowed to use ZStandard compression",
                     version));
  } else if (batch.base_offset().value() != 0) {
    FailInLog(result, ValidationError::kInvalidRecord,
              fmt::format("The baseOffset of the record batch should be 0, but it is {}",
                          batch.base_offset().value()));
  } else if (batch.size() > static_cast<size_t>(config.max_message_bytes)) {
    Fail(result, ValidationError::kMessageTooLarge,
         fmt::format("The record batch size is {} bytes which exceeds the maximum configured value of {}.",
                     batch.size(), config.max_message_bytes));
  } else if (!batch.CrcMatches()) {
    Fail(result, ValidationError::kCorruptMessage,
         fmt::format("Record is corrupt (stored crc = {})", batch.crc()));
  } else if (batch.is_control()) {
    FailInLog(result, ValidationError::kInvalidRecord, "Clients are not allowed to write control records");
  } else if (absl::Status header = kafka::CheckProducedHeader(batch); !header.ok()) {
    FailInLog(result, ValidationError::kInvalidRecord, std::string(header.message()));
  }
  return result.ok();
}

kafka::Codec TargetCodec(CompressionPolicy policy, kafka::Codec source) {
  return policy == CompressionPolicy::kProducer ? source : static_cast<kafka::Codec>(policy);
}

int LevelFor(const LogConfig& config, kafka::Codec codec) {
  switch (codec) {
    case kafka::Codec::kGzip:
      return config.gzip_level < 0 ? kafka::kDefaultCompressionLevel : config.gzip_level;
    case kafka::Codec::kLz4:
      return config.lz4_level;
    case kafka::Codec::kZstd:
      return config.zstd_level;
    default:
      return kafka::kDefaultCompressionLevel;
  }
}

// Walks an uncompressed batch in place.
bool WalkPlain(const RecordBatchView& batch, Checks& checks) {
  const int64_t base = batch.base_timestamp();
  const bool append_time = checks.batch_has_append_time;
  const int64_t append_time_ms = batch.max_timestamp();
  const char* wrong_offset = nullptr;
  const char* wrong =
      WalkRecords(batch.payload(), batch.record_count(), [&](int32_t i, const WalkedRecord& record) {
        if (record.offset_delta != i) wrong_offset = "record offsets are not consecutive";
        checks.See(i, append_time ? append_time_ms : base + record.timestamp_delta, record.has_key);
      });
  if (wrong == nullptr) wrong = wrong_offset;
  if (wrong == nullptr) return true;
  FailInLog(checks.result, ValidationError::kInvalidRecord, fmt::format("Found invalid record: {}", wrong));
  return false;
}

// Reads the records through their codec; with `rebuilt`, writes each into it.
bool ReadAll(const RecordBatchView& batch, Checks& checks, kafka::RecordBatchBuilder* rebuilt) {
  auto reader = kafka::RecordReader::Open(batch, kMaxDecompressedBytes);
  kafka::Record record;
  int32_t index = 0;
  while (reader.ok() && reader->Next(&record)) {
    checks.See(index, record.timestamp_ms, record.key.has_value());
    if (rebuilt != nullptr) rebuilt->Append(record.timestamp_ms, record.key, record.value, record.headers);
    ++index;
  }
  const absl::Status status = reader.ok() ? reader->status() : reader.status();
  if (status.ok()) return true;
  const bool unreadable = !reader.ok() || reader->decompression_failed();
  FailInLog(checks.result,
            unreadable ? ValidationError::kUnknownServerError : ValidationError::kInvalidRecord,
            std::string(status.message()));
  return false;
}

bool Rewrite(const RecordBatchView& batch, kafka::Codec target, const LogConfig& config, Checks& checks) {
  kafka::BatchOptions options;
  options.codec = target;
  options.compression_level = LevelFor(config, target);
  options.producer_id = batch.producer_id();
  options.producer_epoch = batch.producer_epoch();
  options.base_sequence = batch.base_sequence();
  options.transactional = batch.is_transactional();
  kafka::RecordBatchBuilder builder(options);
  if (!ReadAll(batch, checks, &builder)) return false;
  auto rebuilt = builder.Build();
  ValidationResult& result = checks.result;
  if (!rebuilt.ok()) {
    Fail(result, ValidationError::kInvalidRecord, std::string(rebuilt.status().message()));
    return false;
  }
  result.rewritten = *std::move(rebuilt);
  result.batch = {result.rewritten.data(), result.rewritten.size()};
  if (result.rewritten.size() <= static_cast<size_t>(config.max_message_bytes)) return true;
  Fail(result, ValidationError::kMessageTooLarge,
       fmt::format("The record batch has {} bytes after compression with {}, more than {}",
                   result.rewritten.size(), kafka::Name(target), config.max_message_bytes));
  return false;
}

// In the words of Kafka's LogValidator and RecordError.
std::string RejectionSummary(const std::vector<RecordError>& errors, bool wrong_timestamp) {
  if (wrong_timestamp) return "One or more records have been rejected due to invalid timestamp";
  std::string shown;
  for (size_t i = 0; i < std::min(errors.size(), kShownRecordErrors); ++i) {
    shown += fmt::format("{}RecordError(batchIndex={}, message='{}')", i == 0 ? "" : ", ",
                         errors[i].batch_index, errors[i].message);
  }
  return fmt::format(
      "One or more records have been rejected due to {} record errors in total, and only showing the first "
      "three errors at most: [{}]",
      errors.size(), shown);
}

}  // namespace

ValidationResult ValidateProduced(std::span<char> records, const LogConfig& config, int16_t produce_version,
                                  int64_t now_ms, const TopicPartition& partition) {
  ValidationResult result;
  const std::optional<RecordBatchView> batch =
      TheOnlyBatch({records.data(), records.size()}, produce_version, result);
  if (!batch || !CheckHeader(*batch, config, produce_version, result)) return result;
  result.batch = records.first(batch->size());
  result.record_count = batch->record_count();
  Checks checks{config, now_ms, batch->timestamp_type() == kafka::TimestampType::kLogAppendTime, result,
                partition};
  const kafka::Codec source = *batch->codec();
  const kafka::Codec target = TargetCodec(config.compression, source);
  const bool read = target != source                ? Rewrite(*batch, target, config, checks)
                    : source == kafka::Codec::kNone ? WalkPlain(*batch, checks)
                                                    : ReadAll(*batch, checks, nullptr);
  if (!read) return result;
  if (!result.record_errors.empty()) {
    result.message = RejectionSummary(result.record_errors, checks.wrong_timestamp);
    result.message_is_answered = true;
    result.log_start_is_answered = true;
    return result;
  }
  // A producer's own maximum isn't trusted: the time index is built on it.
  const bool trusted = !checks.batch_has_append_time && batch->max_timestamp() == checks.max_timestamp;
  if (result.rewritten.empty() && config.timestamp_type == TimestampType::kCreateTime && !trusted)
    kafka::SetCreateTime(result.batch.data(), checks.max_timestamp);
  return result;
}

}  // namespace dohle::storage
