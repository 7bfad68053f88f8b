// AssignReplicasToDirs (KIP-858), as a pure decision.
#pragma once

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_request.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_response.h"

namespace dohle::controller {

Decision<kafka::AssignReplicasToDirsResponse> AssignReplicasToDirs(
    const DecisionContext& context, const kafka::AssignReplicasToDirsRequest& request);

}  // namespace dohle::controller
