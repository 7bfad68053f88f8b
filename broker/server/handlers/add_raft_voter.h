// AddRaftVoter (key 80, KIP-853).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct AddRaftVoterRequest;
struct AddRaftVoterResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct AddRaftVoterHandler {
  using Request = kafka::AddRaftVoterRequest;
  using Response = kafka::AddRaftVoterResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
