// OffsetCommit (key 8): stores a group's positions.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct OffsetCommitRequest;
struct OffsetCommitResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct OffsetCommitHandler {
  using Request = kafka::OffsetCommitRequest;
  using Response = kafka::OffsetCommitResponse;
  static constexpr kafka::VersionRange kVersions{2, 10};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
