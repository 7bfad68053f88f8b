// AllocateProducerIds (key 67): a block of producer ids for a broker (KIP-730).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct AllocateProducerIdsRequest;
struct AllocateProducerIdsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct AllocateProducerIdsHandler {
  using Request = kafka::AllocateProducerIdsRequest;
  using Response = kafka::AllocateProducerIdsResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
