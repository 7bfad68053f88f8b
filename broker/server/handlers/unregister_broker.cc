#include "broker/server/handlers/unregister_broker.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/unregister_broker_request.h"
#include "lib/kafka/messages/unregister_broker_response.h"

namespace dohle::server {

env::Task<kafka::UnregisterBrokerResponse> UnregisterBrokerHandler::Handle(
    RequestContext& context, const kafka::UnregisterBrokerRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.UnregisterBroker(request);
  if (done.ok()) co_return std::move(*done);
  kafka::UnregisterBrokerResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  failed.error_message = ControllerMessage(done.status());
  co_return failed;
}

}  // namespace dohle::server
