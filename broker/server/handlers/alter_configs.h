// AlterConfigs (key 33): replaces a resource's whole configuration; clients should use
// IncrementalAlterConfigs.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct AlterConfigsRequest;
struct AlterConfigsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct AlterConfigsHandler {
  using Request = kafka::AlterConfigsRequest;
  using Response = kafka::AlterConfigsResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
