// JoinGroup (key 11): a member enters a group and waits for the others (classic protocol).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct JoinGroupRequest;
struct JoinGroupResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct JoinGroupHandler {
  using Request = kafka::JoinGroupRequest;
  using Response = kafka::JoinGroupResponse;
  static constexpr kafka::VersionRange kVersions{0, 9};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
