// BrokerHeartbeat (key 63): a broker that is alive, or wants to leave (KIP-631).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct BrokerHeartbeatRequest;
struct BrokerHeartbeatResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct BrokerHeartbeatHandler {
  using Request = kafka::BrokerHeartbeatRequest;
  using Response = kafka::BrokerHeartbeatResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
