// Moving partitions to other brokers (KIP-455, KIP-860), as pure decisions. A reassignment first adds the new
// replicas; BuildPartitionChange completes it once all of them are in the ISR.
#pragma once

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/alter_partition_reassignments_request.h"
#include "lib/kafka/messages/alter_partition_reassignments_response.h"
#include "lib/kafka/messages/list_partition_reassignments_request.h"
#include "lib/kafka/messages/list_partition_reassignments_response.h"

namespace dohle::controller {

// Each partition on its own: begins, replaces or (replicas null) cancels its reassignment.
Decision<kafka::AlterPartitionReassignmentsResponse> AlterPartitionReassignments(
    const DecisionContext& context, const kafka::AlterPartitionReassignmentsRequest& request);

// The partitions that are being moved, of those that are asked for or of all.
kafka::ListPartitionReassignmentsResponse ListPartitionReassignments(
    const MetadataImage& image, const kafka::ListPartitionReassignmentsRequest& request);

}  // namespace dohle::controller
