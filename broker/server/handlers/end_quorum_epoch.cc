#include "broker/server/handlers/end_quorum_epoch.h"

#include "broker/metadata/metadata_log.h"
#include "broker/metadata/quorum_api.h"
#include "broker/server/error_mapping.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/end_quorum_epoch_request.h"
#include "lib/kafka/messages/end_quorum_epoch_response.h"

namespace dohle::server {

env::Task<kafka::EndQuorumEpochResponse> EndQuorumEpochHandler::Handle(
    RequestContext& context, const kafka::EndQuorumEpochRequest& request) {
  context.AllowNext();
  metadata::QuorumApi* quorum = context.services.metadata_log.quorum_api();
  if (quorum == nullptr) {
    kafka::EndQuorumEpochResponse nobody;
    nobody.error_code = Code(kafka::ErrorCode::kNotLeaderOrFollower);
    co_return nobody;
  }
  co_return co_await quorum->EndQuorumEpoch(request, context.api_version);
}

}  // namespace dohle::server
