#include "broker/server/handlers/leave_group.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/leave_group_request.h"
#include "lib/kafka/messages/leave_group_response.h"

namespace dohle::server {

env::Task<kafka::LeaveGroupResponse> LeaveGroupHandler::Handle(RequestContext& context,
                                                               const kafka::LeaveGroupRequest& request) {
  co_return co_await context.services.groups.LeaveGroup(request, context.api_version);
}

}  // namespace dohle::server
