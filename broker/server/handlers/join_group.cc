#include "broker/server/handlers/join_group.h"

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/env/env.h"
#include "lib/kafka/messages/join_group_request.h"
#include "lib/kafka/messages/join_group_response.h"

namespace dohle::server {
namespace {

constexpr int16_t kFirstVersionWithNullProtocolName = 7;

// As Kafka's JoinGroupResponse: from version 7 on no name is null, before it is empty.
void FitProtocolName(int16_t version, kafka::JoinGroupResponse* response) {
  if (version >= kFirstVersionWithNullProtocolName) {
    if (response->protocol_name && response->protocol_name->empty()) response->protocol_name.reset();
  } else if (!response->protocol_name) {
    response->protocol_name.emplace();
  }
}

}  // namespace

env::Task<kafka::JoinGroupResponse> JoinGroupHandler::Handle(RequestContext& context,
                                                             const kafka::JoinGroupRequest& request) {
  context.AllowNext();
  const coordinator::RequestOrigin origin{context.client_id, context.connection.client_address};
  // What takes time here is other members.
  const env::Clock& clock = context.services.env.clock;
  const env::MonotonicTime began = clock.Now();
  auto response = co_await context.services.groups.JoinGroup(origin, request, context.api_version);
  context.remote_us = absl::ToInt64Microseconds(clock.Now() - began);
  FitProtocolName(context.api_version, &response);
  co_return response;
}

}  // namespace dohle::server
