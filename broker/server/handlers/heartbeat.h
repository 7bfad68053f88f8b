// Heartbeat (key 12): a member is alive.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct HeartbeatRequest;
struct HeartbeatResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct HeartbeatHandler {
  using Request = kafka::HeartbeatRequest;
  using Response = kafka::HeartbeatResponse;
  static constexpr kafka::VersionRange kVersions{0, 4};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
