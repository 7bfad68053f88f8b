// One record to a partition and back: for who wants to know whether that works, not for traffic. On the
// executor of its ClusterClient; errors as of ClusterAdmin.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/kafka/client/cluster_client.h"

namespace dohle::kafka::client {

// Appends a record, acknowledged by all replicas in sync (acks=all); its offset. `client` outlives the call.
env::Task<StatusOr<int64_t>> ProduceOne(ClusterClient& client, NodeId leader, TopicPartition partition,
                                        std::string value, int64_t timestamp_ms, int32_t timeout_ms);

// The record at `offset`, which consumers can see; kNotFound if there is none within `timeout_ms`.
env::Task<StatusOr<std::string>> FetchOne(ClusterClient& client, NodeId leader, TopicPartition partition,
                                          int64_t offset, int32_t timeout_ms);

}  // namespace dohle::kafka::client
