#include "broker/server/handlers/assign_replicas_to_dirs.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_request.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_response.h"

namespace dohle::server {

env::Task<kafka::AssignReplicasToDirsResponse> AssignReplicasToDirsHandler::Handle(
    RequestContext& context, const kafka::AssignReplicasToDirsRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.AssignReplicasToDirs(request);
  if (done.ok()) co_return std::move(*done);
  kafka::AssignReplicasToDirsResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  co_return failed;
}

}  // namespace dohle::server
