#include "broker/server/handlers/broker_registration.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/failure_detector.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"

namespace dohle::server {

env::Task<kafka::BrokerRegistrationResponse> BrokerRegistrationHandler::Handle(
    RequestContext& context, const kafka::BrokerRegistrationRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.RegisterBroker(request);
  if (done.ok() && done->error_code == Code(kafka::ErrorCode::kDuplicateBrokerRegistration)) {
    const bool fenced = co_await context.services.failures.FenceIfLost(NodeId(request.broker_id));
    if (fenced) done = co_await context.services.controller.RegisterBroker(request);
  }
  if (done.ok()) co_return std::move(*done);
  kafka::BrokerRegistrationResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  co_return failed;
}

}  // namespace dohle::server
