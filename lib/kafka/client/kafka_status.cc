#include "lib/kafka/client/kafka_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"

namespace dohle::kafka::client {
namespace {

constexpr char kPayload[] = "dohle.dev/kafka-error";

StatusCode CodeOf(ErrorCode error) {
  switch (error) {
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kGroupIdNotFound:
    case ErrorCode::kResourceNotFound:
      return StatusCode::kNotFound;
    case ErrorCode::kTopicAlreadyExists:
      return StatusCode::kAlreadyExists;
    case ErrorCode::kTopicAuthorizationFailed:
    case ErrorCode::kGroupAuthorizationFailed:
    case ErrorCode::kClusterAuthorizationFailed:
      return StatusCode::kPermissionDenied;
    case ErrorCode::kInvalidTopicException:
    case ErrorCode::kInvalidPartitions:
    case ErrorCode::kInvalidReplicationFactor:
    case ErrorCode::kInvalidReplicaAssignment:
    case ErrorCode::kInvalidConfig:
    case ErrorCode::kInvalidRequest:
      return StatusCode::kInvalidArgument;
    case ErrorCode::kRequestTimedOut:
      return StatusCode::kDeadlineExceeded;
    case ErrorCode::kThrottlingQuotaExceeded:
      return StatusCode::kResourceExhausted;
    case ErrorCode::kUnsupportedVersion:
      return StatusCode::kUnimplemented;
    case ErrorCode::kUnknownServerError:
      return StatusCode::kInternal;
    default:
      return IsRetriable(error) ? StatusCode::kUnavailable : StatusCode::kFailedPrecondition;
  }
}

}  // namespace

Status StatusFromKafka(int16_t code, std::string_view message) {
  if (code == ToCode(ErrorCode::kNone)) return OkStatus();
  const ErrorCode error = ErrorFromCode(code);
  Status status = message.empty() ? MakeStatus(CodeOf(error), "{}", Name(error))
                                  : MakeStatus(CodeOf(error), "{}: {}", Name(error), message);
  // By a view: clang and g++ call the library's constructor for strings by different names.
  const std::string text = std::to_string(code);
  status.SetPayload(kPayload, absl::Cord(absl::string_view(text.data(), text.size())));
  return status;
}

std::optional<ErrorCode> KafkaError(const Status& status) {
  const auto payload = status.GetPayload(kPayload);
  int32_t code = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &code)) return std::nullopt;
  return ErrorFromCode(static_cast<int16_t>(code));
}

}  // namespace dohle::kafka::client
