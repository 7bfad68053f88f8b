#include "broker/server/handlers/controller_registration.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/controller_registration_response.h"

namespace dohle::server {

env::Task<kafka::ControllerRegistrationResponse> ControllerRegistrationHandler::Handle(
    RequestContext& context, const kafka::ControllerRegistrationRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.RegisterController(request);
  if (done.ok()) co_return std::move(*done);
  kafka::ControllerRegistrationResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  failed.error_message = ControllerMessage(done.status());
  co_return failed;
}

}  // namespace dohle::server
