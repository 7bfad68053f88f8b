// AlterPartition: the leader of a partition asks for another ISR or says that it has recovered (KIP-497,
// KIP-841, KIP-903, KIP-966), as a pure decision.
#pragma once

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/alter_partition_request.h"
#include "lib/kafka/messages/alter_partition_response.h"

namespace dohle::controller {

// Each partition on its own; the response has the state of those that were accepted, as it is afterwards.
// `version` of the request: 2 names the ISR without broker epochs.
Decision<kafka::AlterPartitionResponse> AlterPartition(const DecisionContext& context,
                                                       const kafka::AlterPartitionRequest& request,
                                                       int16_t version);

}  // namespace dohle::controller
