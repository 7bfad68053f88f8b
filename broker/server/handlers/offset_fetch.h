// OffsetFetch (key 9): a group's stored positions.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct OffsetFetchRequest;
struct OffsetFetchResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct OffsetFetchHandler {
  using Request = kafka::OffsetFetchRequest;
  using Response = kafka::OffsetFetchResponse;
  static constexpr kafka::VersionRange kVersions{1, 10};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
