#include "broker/server/error_mapping.h"

namespace dohle::server {

kafka::ErrorCode PartitionError(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return kafka::ErrorCode::kNone;
    case StatusCode::kFailedPrecondition:
      return kafka::ErrorCode::kNotLeaderOrFollower;
    case StatusCode::kResourceExhausted:
    case StatusCode::kDataLoss:
    case StatusCode::kPermissionDenied:
      return kafka::ErrorCode::kKafkaStorageError;
    case StatusCode::kOutOfRange:
      return kafka::ErrorCode::kOffsetOutOfRange;
    case StatusCode::kDeadlineExceeded:
      return kafka::ErrorCode::kRequestTimedOut;
    case StatusCode::kUnavailable:
      return kafka::ErrorCode::kNotEnoughReplicas;
    case StatusCode::kAborted:
      return kafka::ErrorCode::kNotEnoughReplicasAfterAppend;
    case StatusCode::kNotFound:
      return kafka::ErrorCode::kUnknownTopicOrPartition;
    default:
      return kafka::ErrorCode::kUnknownServerError;
  }
}

}  // namespace dohle::server
