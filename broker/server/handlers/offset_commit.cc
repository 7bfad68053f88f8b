#include "broker/server/handlers/offset_commit.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/offset_commit_request.h"
#include "lib/kafka/messages/offset_commit_response.h"

namespace dohle::server {

env::Task<kafka::OffsetCommitResponse> OffsetCommitHandler::Handle(
    RequestContext& context, const kafka::OffsetCommitRequest& request) {
  const coordinator::TopicFilter all_topics;
  co_return co_await context.services.groups.OffsetCommit(request, context.api_version, all_topics);
}

}  // namespace dohle::server
