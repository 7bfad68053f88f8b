// OffsetForLeaderEpoch (key 23): where an epoch ends in the log (KIP-101, KIP-320).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct OffsetForLeaderEpochRequest;
struct OffsetForLeaderEpochResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct OffsetForLeaderEpochHandler {
  using Request = kafka::OffsetForLeaderEpochRequest;
  using Response = kafka::OffsetForLeaderEpochResponse;
  static constexpr kafka::VersionRange kVersions{2, 4};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
