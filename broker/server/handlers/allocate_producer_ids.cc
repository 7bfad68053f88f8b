#include "broker/server/handlers/allocate_producer_ids.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/allocate_producer_ids_request.h"
#include "lib/kafka/messages/allocate_producer_ids_response.h"

namespace dohle::server {

env::Task<kafka::AllocateProducerIdsResponse> AllocateProducerIdsHandler::Handle(
    RequestContext& context, const kafka::AllocateProducerIdsRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.AllocateProducerIds(request);
  if (done.ok()) co_return std::move(*done);
  kafka::AllocateProducerIdsResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  co_return failed;
}

}  // namespace dohle::server
