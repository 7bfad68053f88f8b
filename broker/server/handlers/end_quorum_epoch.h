// EndQuorumEpoch (key 54): the leader of the metadata quorum resigns (KIP-595).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct EndQuorumEpochRequest;
struct EndQuorumEpochResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct EndQuorumEpochHandler {
  using Request = kafka::EndQuorumEpochRequest;
  using Response = kafka::EndQuorumEpochResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
