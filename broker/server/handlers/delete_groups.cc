#include "broker/server/handlers/delete_groups.h"

#include <string_view>
#include <utility>
#include <vector>

#include "broker/coordinator/group_coordinator.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/delete_groups_request.h"
#include "lib/kafka/messages/delete_groups_response.h"

namespace dohle::server {

env::Task<kafka::DeleteGroupsResponse> DeleteGroupsHandler::Handle(
    RequestContext& context, const kafka::DeleteGroupsRequest& request) {
  std::vector<std::string_view> names;
  for (const kafka::Text& name : request.groups_names) names.push_back(name.view());
  co_return co_await context.services.groups.DeleteGroups(std::move(names));
}

}  // namespace dohle::server
