// OffsetDelete (key 47, KIP-496): forgets a group's positions of topics that it isn't subscribed to.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct OffsetDeleteRequest;
struct OffsetDeleteResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct OffsetDeleteHandler {
  using Request = kafka::OffsetDeleteRequest;
  using Response = kafka::OffsetDeleteResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
