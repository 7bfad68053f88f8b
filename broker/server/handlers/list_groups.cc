#include "broker/server/handlers/list_groups.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/list_groups_request.h"
#include "lib/kafka/messages/list_groups_response.h"

namespace dohle::server {

env::Task<kafka::ListGroupsResponse> ListGroupsHandler::Handle(RequestContext& context,
                                                               const kafka::ListGroupsRequest& request) {
  co_return co_await context.services.groups.ListGroups(request);
}

}  // namespace dohle::server
