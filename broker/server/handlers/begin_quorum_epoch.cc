#include "broker/server/handlers/begin_quorum_epoch.h"

#include "broker/metadata/metadata_log.h"
#include "broker/metadata/quorum_api.h"
#include "broker/server/error_mapping.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/begin_quorum_epoch_request.h"
#include "lib/kafka/messages/begin_quorum_epoch_response.h"

namespace dohle::server {

env::Task<kafka::BeginQuorumEpochResponse> BeginQuorumEpochHandler::Handle(
    RequestContext& context, const kafka::BeginQuorumEpochRequest& request) {
  context.AllowNext();
  metadata::QuorumApi* quorum = context.services.metadata_log.quorum_api();
  if (quorum == nullptr) {
    kafka::BeginQuorumEpochResponse nobody;
    nobody.error_code = Code(kafka::ErrorCode::kNotLeaderOrFollower);
    co_return nobody;
  }
  co_return co_await quorum->BeginQuorumEpoch(request, context.api_version);
}

}  // namespace dohle::server
