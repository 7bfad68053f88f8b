// ListGroups (key 16): the groups that this broker coordinates.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ListGroupsRequest;
struct ListGroupsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ListGroupsHandler {
  using Request = kafka::ListGroupsRequest;
  using Response = kafka::ListGroupsResponse;
  static constexpr kafka::VersionRange kVersions{0, 5};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
