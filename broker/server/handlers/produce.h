// Produce (key 0): appends record batches to partitions that this broker leads.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ProduceRequest;
struct ProduceResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ProduceHandler {
  using Request = kafka::ProduceRequest;
  using Response = kafka::ProduceResponse;
  static constexpr kafka::VersionRange kVersions{3, 13};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
