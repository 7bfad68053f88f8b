// Altering dynamic configurations, as pure decisions (KIP-133, KIP-339).
#pragma once

#include <string>
#include <vector>

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/alter_configs_request.h"
#include "lib/kafka/messages/alter_configs_response.h"
#include "lib/kafka/messages/incremental_alter_configs_request.h"
#include "lib/kafka/messages/incremental_alter_configs_response.h"

namespace dohle::controller {

struct ConfigOperation {
  enum class Type : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

  std::string name;
  Type type = Type::kSet;
  std::string value;
};

// All operations of one resource, or none: appends their records. `newly_created`: the resource comes to be
// in the same batch, so it need not exist.
ApiError AlterResource(const DecisionContext& context, const metadata::ConfigResource& resource,
                       const std::vector<ConfigOperation>& operations, bool newly_created,
                       RecordList* records);

// A new min.insync.replicas makes nobody eligible who wasn't under it (KIP-966): appends the records that say
// so.
void AppendClearElr(const DecisionContext& context, RecordList* records);

Decision<kafka::IncrementalAlterConfigsResponse> IncrementalAlterConfigs(
    const DecisionContext& context, const kafka::IncrementalAlterConfigsRequest& request);
Decision<kafka::AlterConfigsResponse> AlterConfigs(const DecisionContext& context,
                                                   const kafka::AlterConfigsRequest& request);

}  // namespace dohle::controller
