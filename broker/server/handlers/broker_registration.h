// BrokerRegistration (key 62): a broker that has started (KIP-631).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct BrokerRegistrationRequest;
struct BrokerRegistrationResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct BrokerRegistrationHandler {
  using Request = kafka::BrokerRegistrationRequest;
  using Response = kafka::BrokerRegistrationResponse;
  static constexpr kafka::VersionRange kVersions{0, 4};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
