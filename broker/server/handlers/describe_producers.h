// DescribeProducers (key 61, KIP-664): the producers that a partition remembers.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DescribeProducersRequest;
struct DescribeProducersResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DescribeProducersHandler {
  using Request = kafka::DescribeProducersRequest;
  using Response = kafka::DescribeProducersResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
