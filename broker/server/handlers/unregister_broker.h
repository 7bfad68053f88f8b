// UnregisterBroker (key 64): a broker that won't come back (KIP-631).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct UnregisterBrokerRequest;
struct UnregisterBrokerResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct UnregisterBrokerHandler {
  using Request = kafka::UnregisterBrokerRequest;
  using Response = kafka::UnregisterBrokerResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
