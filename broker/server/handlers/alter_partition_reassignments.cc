#include "broker/server/handlers/alter_partition_reassignments.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/alter_partition_reassignments_request.h"
#include "lib/kafka/messages/alter_partition_reassignments_response.h"

namespace dohle::server {

env::Task<kafka::AlterPartitionReassignmentsResponse> AlterPartitionReassignmentsHandler::Handle(
    RequestContext& context, const kafka::AlterPartitionReassignmentsRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.AlterPartitionReassignments(request);
  if (done.ok()) co_return std::move(*done);
  kafka::AlterPartitionReassignmentsResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  failed.error_message = ControllerMessage(done.status());
  co_return failed;
}

}  // namespace dohle::server
