#include "broker/server/handlers/offset_fetch.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/offset_fetch_request.h"
#include "lib/kafka/messages/offset_fetch_response.h"

namespace dohle::server {

env::Task<kafka::OffsetFetchResponse> OffsetFetchHandler::Handle(RequestContext& context,
                                                                 const kafka::OffsetFetchRequest& request) {
  const coordinator::TopicFilter all;
  co_return co_await context.services.groups.OffsetFetch(request, context.api_version, all, all);
}

}  // namespace dohle::server
