#include "broker/server/handlers/heartbeat.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/heartbeat_request.h"
#include "lib/kafka/messages/heartbeat_response.h"

namespace dohle::server {

env::Task<kafka::HeartbeatResponse> HeartbeatHandler::Handle(RequestContext& context,
                                                             const kafka::HeartbeatRequest& request) {
  co_return co_await context.services.groups.Heartbeat(request, context.api_version);
}

}  // namespace dohle::server
