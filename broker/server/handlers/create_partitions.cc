#include "broker/server/handlers/create_partitions.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/create_partitions_request.h"
#include "lib/kafka/messages/create_partitions_response.h"

namespace dohle::server {

env::Task<kafka::CreatePartitionsResponse> CreatePartitionsHandler::Handle(
    RequestContext& context, const kafka::CreatePartitionsRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.CreatePartitions(request);
  if (done.ok()) co_return std::move(*done);
  kafka::CreatePartitionsResponse failed;
  for (const auto& asked : request.topics) {
    kafka::CreatePartitionsResponse::CreatePartitionsTopicResult result;
    result.name = asked.name;
    result.error_code = Code(ControllerError(done.status()));
    result.error_message = ControllerMessage(done.status());
    failed.results.push_back(std::move(result));
  }
  co_return failed;
}

}  // namespace dohle::server
