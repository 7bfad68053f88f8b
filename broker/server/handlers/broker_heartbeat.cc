#include "broker/server/handlers/broker_heartbeat.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/failure_detector.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"

namespace dohle::server {

env::Task<kafka::BrokerHeartbeatResponse> BrokerHeartbeatHandler::Handle(
    RequestContext& context, const kafka::BrokerHeartbeatRequest& request) {
  context.AllowNext();
  context.services.failures.Heard(NodeId(request.broker_id), context.connection);
  auto done = co_await context.services.controller.BrokerHeartbeat(request);
  if (done.ok()) co_return std::move(*done);
  kafka::BrokerHeartbeatResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  co_return failed;
}

}  // namespace dohle::server
