// ElectLeaders (key 43): preferred or unclean election (KIP-460).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ElectLeadersRequest;
struct ElectLeadersResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ElectLeadersHandler {
  using Request = kafka::ElectLeadersRequest;
  using Response = kafka::ElectLeadersResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
