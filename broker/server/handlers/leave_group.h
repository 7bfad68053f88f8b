// LeaveGroup (key 13): members leave a group.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct LeaveGroupRequest;
struct LeaveGroupResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct LeaveGroupHandler {
  using Request = kafka::LeaveGroupRequest;
  using Response = kafka::LeaveGroupResponse;
  static constexpr kafka::VersionRange kVersions{0, 5};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
