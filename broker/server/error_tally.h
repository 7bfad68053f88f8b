// The error codes that an answer carries, wherever they stand in it.
#pragma once

#include "broker/server/metrics/request_metrics_table.h"

namespace dohle::server {

// Adds up the error codes of an answer, wherever they stand in it, as Kafka's errorCounts() do.
template <typename Message>
void TallyErrors(const Message& message, ErrorTally& errors) {
  const auto each = [&errors](const auto& parts) {
    for (const auto& part : parts) TallyErrors(part, errors);
  };
  if constexpr (requires { message.error_code; }) errors.Add(message.error_code);
  if constexpr (requires { message.topics.begin(); }) each(message.topics);
  if constexpr (requires { message.responses.begin(); }) each(message.responses);
  if constexpr (requires { message.partitions.begin(); }) each(message.partitions);
  if constexpr (requires { message.partition_responses.begin(); }) each(message.partition_responses);
  if constexpr (requires { message.partition_results.begin(); }) each(message.partition_results);
  if constexpr (requires { message.results.begin(); }) each(message.results);
  if constexpr (requires { message.groups.begin(); }) each(message.groups);
  if constexpr (requires { message.coordinators.begin(); }) each(message.coordinators);
}

}  // namespace dohle::server
