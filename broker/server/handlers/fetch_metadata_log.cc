#include "broker/server/handlers/fetch_metadata_log.h"

#include "broker/metadata/metadata_log.h"
#include "broker/metadata/quorum_api.h"
#include "broker/server/error_mapping.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"

namespace dohle::server {

env::Task<kafka::FetchResponse> FetchMetadataLogHandler::Handle(RequestContext& context,
                                                                const kafka::FetchRequest& request) {
  context.AllowNext();
  metadata::QuorumApi* quorum = context.services.metadata_log.quorum_api();
  if (quorum == nullptr) {
    kafka::FetchResponse nobody;
    nobody.error_code = Code(kafka::ErrorCode::kNotLeaderOrFollower);
    co_return nobody;
  }
  co_return co_await quorum->Fetch(request, context.api_version);
}

}  // namespace dohle::server
