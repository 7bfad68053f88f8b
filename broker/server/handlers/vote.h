// Vote (key 52): an election of the metadata quorum (KIP-595, KIP-996).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct VoteRequest;
struct VoteResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct VoteHandler {
  using Request = kafka::VoteRequest;
  using Response = kafka::VoteResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
