// ControllerRegistration (key 70): a controller that isn't the active one (KIP-919).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ControllerRegistrationRequest;
struct ControllerRegistrationResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ControllerRegistrationHandler {
  using Request = kafka::ControllerRegistrationRequest;
  using Response = kafka::ControllerRegistrationResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
