// ApiVersions (key 18): what this broker serves, and the features of the cluster.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ApiVersionsRequest;
struct ApiVersionsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ApiVersionsHandler {
  using Request = kafka::ApiVersionsRequest;
  using Response = kafka::ApiVersionsResponse;
  static constexpr kafka::VersionRange kVersions{0, 4};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
