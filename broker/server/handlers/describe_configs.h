// DescribeConfigs (key 32): configurations with their sources and synonyms (KIP-226).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DescribeConfigsRequest;
struct DescribeConfigsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DescribeConfigsHandler {
  using Request = kafka::DescribeConfigsRequest;
  using Response = kafka::DescribeConfigsResponse;
  static constexpr kafka::VersionRange kVersions{1, 4};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
