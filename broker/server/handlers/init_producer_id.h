// InitProducerId (key 22): an id and epoch for an idempotent producer (KIP-98). 6 is unstable in Kafka 4.3,
// so not served.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct InitProducerIdRequest;
struct InitProducerIdResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct InitProducerIdHandler {
  using Request = kafka::InitProducerIdRequest;
  using Response = kafka::InitProducerIdResponse;
  static constexpr kafka::VersionRange kVersions{0, 5};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
