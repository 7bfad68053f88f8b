// DeleteGroups (key 42): removes empty groups with their offsets.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DeleteGroupsRequest;
struct DeleteGroupsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DeleteGroupsHandler {
  using Request = kafka::DeleteGroupsRequest;
  using Response = kafka::DeleteGroupsResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
