// BeginQuorumEpoch (key 53): a new leader of the metadata quorum makes itself known (KIP-595).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct BeginQuorumEpochRequest;
struct BeginQuorumEpochResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct BeginQuorumEpochHandler {
  using Request = kafka::BeginQuorumEpochRequest;
  using Response = kafka::BeginQuorumEpochResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
