// DeleteTopics (key 20), by name or by id.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DeleteTopicsRequest;
struct DeleteTopicsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DeleteTopicsHandler {
  using Request = kafka::DeleteTopicsRequest;
  using Response = kafka::DeleteTopicsResponse;
  static constexpr kafka::VersionRange kVersions{1, 6};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
