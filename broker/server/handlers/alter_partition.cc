#include "broker/server/handlers/alter_partition.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/alter_partition_request.h"
#include "lib/kafka/messages/alter_partition_response.h"

namespace dohle::server {

env::Task<kafka::AlterPartitionResponse> AlterPartitionHandler::Handle(
    RequestContext& context, const kafka::AlterPartitionRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.AlterPartition(request, context.api_version);
  if (done.ok()) co_return std::move(*done);
  kafka::AlterPartitionResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  co_return failed;
}

}  // namespace dohle::server
