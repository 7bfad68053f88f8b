// CreateTopics (key 19).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct CreateTopicsRequest;
struct CreateTopicsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct CreateTopicsHandler {
  using Request = kafka::CreateTopicsRequest;
  using Response = kafka::CreateTopicsResponse;
  static constexpr kafka::VersionRange kVersions{2, 7};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
