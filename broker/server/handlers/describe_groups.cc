#include "broker/server/handlers/describe_groups.h"

#include <string_view>
#include <utility>
#include <vector>

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/describe_groups_request.h"
#include "lib/kafka/messages/describe_groups_response.h"

namespace dohle::server {

env::Task<kafka::DescribeGroupsResponse> DescribeGroupsHandler::Handle(
    RequestContext& context, const kafka::DescribeGroupsRequest& request) {
  std::vector<std::string_view> names;
  for (const kafka::Text& name : request.groups) names.push_back(name.view());
  auto response = co_await context.services.groups.DescribeGroups(std::move(names), context.api_version);
  if (request.include_authorized_operations) {
    for (auto& group : response.groups) group.authorized_operations = kAllGroupOperations;
  }
  co_return response;
}

}  // namespace dohle::server
