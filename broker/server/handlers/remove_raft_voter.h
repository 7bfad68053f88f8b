// RemoveRaftVoter (key 81, KIP-853).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct RemoveRaftVoterRequest;
struct RemoveRaftVoterResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct RemoveRaftVoterHandler {
  using Request = kafka::RemoveRaftVoterRequest;
  using Response = kafka::RemoveRaftVoterResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
