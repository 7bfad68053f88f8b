// UpdateRaftVoter (key 82, KIP-853).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct UpdateRaftVoterRequest;
struct UpdateRaftVoterResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct UpdateRaftVoterHandler {
  using Request = kafka::UpdateRaftVoterRequest;
  using Response = kafka::UpdateRaftVoterResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
