#include "broker/server/handlers/offset_delete.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/offset_delete_request.h"
#include "lib/kafka/messages/offset_delete_response.h"

namespace dohle::server {

env::Task<kafka::OffsetDeleteResponse> OffsetDeleteHandler::Handle(
    RequestContext& context, const kafka::OffsetDeleteRequest& request) {
  const coordinator::TopicFilter all_topics;
  co_return co_await context.services.groups.OffsetDelete(request, all_topics);
}

}  // namespace dohle::server
