// UpdateFeatures (KIP-584, KIP-778, KIP-1022), as a pure decision: all of the request's features, or none.
#pragma once

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/update_features_request.h"
#include "lib/kafka/messages/update_features_response.h"

namespace dohle::controller {

// Every broker and every controller must support a level: of the `voters` it is known what they do when they
// are registered.
Decision<kafka::UpdateFeaturesResponse> UpdateFeatures(const DecisionContext& context,
                                                       const kafka::UpdateFeaturesRequest& request,
                                                       int16_t version, const std::vector<NodeId>& voters);

// What turning on eligible leaders needs first (KIP-966): min.insync.replicas set for all brokers together
// and for none alone. Empty if it is so.
RecordList ElrSafetyRecords(const DecisionContext& context);

}  // namespace dohle::controller
