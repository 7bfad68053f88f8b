// CreatePartitions (key 37): grows topics.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct CreatePartitionsRequest;
struct CreatePartitionsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct CreatePartitionsHandler {
  using Request = kafka::CreatePartitionsRequest;
  using Response = kafka::CreatePartitionsResponse;
  static constexpr kafka::VersionRange kVersions{0, 3};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
