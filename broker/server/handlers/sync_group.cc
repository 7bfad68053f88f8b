#include "broker/server/handlers/sync_group.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/env/env.h"
#include "lib/kafka/messages/sync_group_request.h"
#include "lib/kafka/messages/sync_group_response.h"

namespace dohle::server {

env::Task<kafka::SyncGroupResponse> SyncGroupHandler::Handle(RequestContext& context,
                                                             const kafka::SyncGroupRequest& request) {
  context.AllowNext();
  // What takes time here is other members.
  const env::Clock& clock = context.services.env.clock;
  const env::MonotonicTime began = clock.Now();
  auto response = co_await context.services.groups.SyncGroup(request, context.api_version);
  context.remote_us = absl::ToInt64Microseconds(clock.Now() - began);
  co_return response;
}

}  // namespace dohle::server
