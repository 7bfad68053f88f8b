#include "broker/server/handlers/update_raft_voter.h"

#include "broker/metadata/metadata_log.h"
#include "broker/metadata/quorum_api.h"
#include "broker/server/error_mapping.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/update_raft_voter_request.h"
#include "lib/kafka/messages/update_raft_voter_response.h"

namespace dohle::server {

env::Task<kafka::UpdateRaftVoterResponse> UpdateRaftVoterHandler::Handle(
    RequestContext& context, const kafka::UpdateRaftVoterRequest& request) {
  context.AllowNext();
  metadata::QuorumApi* quorum = context.services.metadata_log.quorum_api();
  if (quorum == nullptr) {
    kafka::UpdateRaftVoterResponse nobody;
    nobody.error_code = Code(kafka::ErrorCode::kNotLeaderOrFollower);
    co_return nobody;
  }
  co_return co_await quorum->UpdateRaftVoter(request, context.api_version);
}

}  // namespace dohle::server
