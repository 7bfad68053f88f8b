// From absl::Status, which everything below the handlers speaks, to Kafka's error codes, which only handlers
// do.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/status.h"
#include "lib/kafka/error_code.h"

namespace dohle::server {

// Kafka's own sentence for INVALID_REQUEST, which it sends where it has nothing better to say.
inline constexpr std::string_view kInvalidRequestSentence =
    "This most likely occurs because of a request being malformed by the client library or the message was "
    "sent to an incompatible broker. See the broker logs for more details.";

inline int16_t Code(kafka::ErrorCode error) { return static_cast<int16_t>(error); }

// What a failed operation on a partition tells a client:
//   kFailedPrecondition  NOT_LEADER_OR_FOLLOWER
//   kResourceExhausted, kDataLoss, kPermissionDenied  KAFKA_STORAGE_ERROR
//   kOutOfRange          OFFSET_OUT_OF_RANGE
//   kDeadlineExceeded    REQUEST_TIMED_OUT
//   kUnavailable         NOT_ENOUGH_REPLICAS
//   kAborted             NOT_ENOUGH_REPLICAS_AFTER_APPEND
//   kNotFound            UNKNOWN_TOPIC_OR_PARTITION
kafka::ErrorCode PartitionError(const Status& status);

}  // namespace dohle::server
