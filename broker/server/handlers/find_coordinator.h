// FindCoordinator (key 10): the broker that coordinates a group.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct FindCoordinatorRequest;
struct FindCoordinatorResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct FindCoordinatorHandler {
  using Request = kafka::FindCoordinatorRequest;
  using Response = kafka::FindCoordinatorResponse;
  static constexpr kafka::VersionRange kVersions{0, 6};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
