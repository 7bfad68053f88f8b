// DescribeGroups (key 15): state and members of classic groups.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DescribeGroupsRequest;
struct DescribeGroupsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DescribeGroupsHandler {
  using Request = kafka::DescribeGroupsRequest;
  using Response = kafka::DescribeGroupsResponse;
  static constexpr kafka::VersionRange kVersions{0, 6};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
