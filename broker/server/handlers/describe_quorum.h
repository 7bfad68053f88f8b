// DescribeQuorum (key 55, KIP-595): the metadata quorum.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DescribeQuorumRequest;
struct DescribeQuorumResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DescribeQuorumHandler {
  using Request = kafka::DescribeQuorumRequest;
  using Response = kafka::DescribeQuorumResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
