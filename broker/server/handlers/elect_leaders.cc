#include "broker/server/handlers/elect_leaders.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/elect_leaders_request.h"
#include "lib/kafka/messages/elect_leaders_response.h"

namespace dohle::server {

env::Task<kafka::ElectLeadersResponse> ElectLeadersHandler::Handle(
    RequestContext& context, const kafka::ElectLeadersRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.ElectLeaders(request);
  if (done.ok()) co_return std::move(*done);
  kafka::ElectLeadersResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  co_return failed;
}

}  // namespace dohle::server
