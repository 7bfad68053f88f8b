#include "broker/server/handlers/list_partition_reassignments.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/list_partition_reassignments_request.h"
#include "lib/kafka/messages/list_partition_reassignments_response.h"

namespace dohle::server {

env::Task<kafka::ListPartitionReassignmentsResponse> ListPartitionReassignmentsHandler::Handle(
    RequestContext& context, const kafka::ListPartitionReassignmentsRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.ListPartitionReassignments(request);
  if (done.ok()) co_return std::move(*done);
  kafka::ListPartitionReassignmentsResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  failed.error_message = ControllerMessage(done.status());
  co_return failed;
}

}  // namespace dohle::server
