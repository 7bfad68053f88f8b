// SyncGroup (key 14): the leader hands out the assignment, the others get theirs.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct SyncGroupRequest;
struct SyncGroupResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct SyncGroupHandler {
  using Request = kafka::SyncGroupRequest;
  using Response = kafka::SyncGroupResponse;
  static constexpr kafka::VersionRange kVersions{0, 5};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
