#include "broker/server/handlers/init_producer_id.h"

#include "broker/server/error_mapping.h"
#include "broker/server/producer_id_allocator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/base/log.h"
#include "lib/kafka/messages/init_producer_id_request.h"
#include "lib/kafka/messages/init_producer_id_response.h"

namespace dohle::server {

env::Task<kafka::InitProducerIdResponse> InitProducerIdHandler::Handle(
    RequestContext& context, const kafka::InitProducerIdRequest& request) {
  kafka::InitProducerIdResponse response;
  response.producer_epoch = -1;
  if (request.transactional_id) {
    // Transactions aren't served; the client is told so for good, not to try again.
    log::Warning("server", "{} asked for a transactional producer ({}): transactions aren't served",
                 context.connection.client_host, request.transactional_id->view());
    response.error_code = Code(kafka::ErrorCode::kInvalidRequest);
    co_return response;
  }
  context.AllowNext();
  StatusOr<ProducerId> id = co_await context.services.producer_ids.Next();
  if (!id.ok()) {
    response.error_code = Code(kafka::ErrorCode::kCoordinatorLoadInProgress);
    co_return response;
  }
  response.producer_id = id->value();
  response.producer_epoch = 0;
  co_return response;
}

}  // namespace dohle::server
