// Judges the records of one partition in a produce request, before the partition's lane is entered. Pure.
//
// What Kafka's LogValidator and ProduceRequest.validateRecords check, with their answers: one whole batch of
// format v2, sizes, CRC, counts, timestamps, keys on compacted topics, well-formed records. A batch that may
// be stored as it came is left where it is; one whose codec differs from the topic's is written anew.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/log_config.h"
#include "lib/base/ids.h"

namespace dohle::storage {

// Kafka's errors of the same names.
enum class ValidationError : uint8_t {
  kNone,
  kCorruptMessage,
  kInvalidRecord,
  kMessageTooLarge,
  kInvalidTimestamp,
  kUnsupportedCompressionType,
  kUnknownServerError,  // what Kafka has no error for: bytes that their codec can't read
};

struct RecordError {
  int32_t batch_index = 0;
  std::string message;
};

struct ValidationResult {
  ValidationResult() = default;
  ValidationResult(ValidationResult&&) = default;  // `batch` may view `rewritten`: never copied
  ValidationResult& operator=(ValidationResult&&) = default;

  ValidationError error = ValidationError::kNone;
  std::string message;
  // Kafka answers its message for some of its refusals only, and for those that it finds while it appends it
  // tells where the log begins.
  bool message_is_answered = false;
  bool log_start_is_answered = false;
  std::vector<RecordError> record_errors;  // bounded: the first few
  bool unknown_magic = false;              // the batch's format isn't known
  int32_t records_without_key = 0;         // that a compacted topic refused
  // What is to be appended: in the request's buffer, or in `rewritten`.
  std::span<char> batch;
  std::string rewritten;
  int32_t record_count = 0;

  bool ok() const { return error == ValidationError::kNone; }
};

// `records` may be changed in place (maximum timestamp, timestamp type, CRC). `partition` is for
// messages.
ValidationResult ValidateProduced(std::span<char> records, const LogConfig& config, int16_t produce_version,
                                  int64_t now_ms, const TopicPartition& partition);

}  // namespace dohle::storage
