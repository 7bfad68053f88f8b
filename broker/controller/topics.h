// Creating, growing and deleting topics, as pure decisions (KIP-4, KIP-195, KIP-516, KIP-525).
#pragma once

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/create_partitions_request.h"
#include "lib/kafka/messages/create_partitions_response.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"
#include "lib/kafka/messages/delete_topics_request.h"
#include "lib/kafka/messages/delete_topics_response.h"

namespace dohle::controller {

Decision<kafka::CreateTopicsResponse> CreateTopics(const DecisionContext& context,
                                                   const kafka::CreateTopicsRequest& request);
Decision<kafka::CreatePartitionsResponse> CreatePartitions(const DecisionContext& context,
                                                           const kafka::CreatePartitionsRequest& request);
Decision<kafka::DeleteTopicsResponse> DeleteTopics(const DecisionContext& context,
                                                   const kafka::DeleteTopicsRequest& request);

// Checks what a client assigned by hand: INVALID_REPLICA_ASSIGNMENT with Kafka's message if it can't be.
ApiError CheckManualAssignment(const MetadataImage& image, const std::vector<int32_t>& broker_ids,
                               std::optional<size_t> replication_factor);

}  // namespace dohle::controller
