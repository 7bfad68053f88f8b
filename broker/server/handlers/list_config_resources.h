// ListConfigResources (key 74, KIP-1142): which resources have configurations.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ListConfigResourcesRequest;
struct ListConfigResourcesResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ListConfigResourcesHandler {
  using Request = kafka::ListConfigResourcesRequest;
  using Response = kafka::ListConfigResourcesResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
