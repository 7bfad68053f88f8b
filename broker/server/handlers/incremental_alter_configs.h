// IncrementalAlterConfigs (key 44, KIP-339).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct IncrementalAlterConfigsRequest;
struct IncrementalAlterConfigsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct IncrementalAlterConfigsHandler {
  using Request = kafka::IncrementalAlterConfigsRequest;
  using Response = kafka::IncrementalAlterConfigsResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
