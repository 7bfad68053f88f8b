#include "broker/server/handlers/fetch_snapshot.h"

#include "broker/metadata/metadata_log.h"
#include "broker/metadata/quorum_api.h"
#include "broker/server/error_mapping.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/fetch_snapshot_request.h"
#include "lib/kafka/messages/fetch_snapshot_response.h"

namespace dohle::server {

env::Task<kafka::FetchSnapshotResponse> FetchSnapshotHandler::Handle(
    RequestContext& context, const kafka::FetchSnapshotRequest& request) {
  context.AllowNext();
  metadata::QuorumApi* quorum = context.services.metadata_log.quorum_api();
  if (quorum == nullptr) {
    kafka::FetchSnapshotResponse nobody;
    nobody.error_code = Code(kafka::ErrorCode::kNotLeaderOrFollower);
    co_return nobody;
  }
  co_return co_await quorum->FetchSnapshot(request, context.api_version);
}

}  // namespace dohle::server
