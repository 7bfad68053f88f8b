// Kafka's errors as statuses: the code says what kind of failure it is, the message is Kafka's name and words
// ("INVALID_PARTITIONS: Topic already has 3 partitions."), and the error itself stays readable. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/status.h"
#include "lib/kafka/error_code.h"

namespace dohle::kafka::client {

// OK for 0. What passes by itself is kUnavailable.
Status StatusFromKafka(int16_t code, std::string_view message = {});

// Nothing if `status` doesn't come from an error of Kafka's.
std::optional<ErrorCode> KafkaError(const Status& status);

}  // namespace dohle::kafka::client
