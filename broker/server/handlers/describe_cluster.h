// DescribeCluster (key 60, KIP-700).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DescribeClusterRequest;
struct DescribeClusterResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DescribeClusterHandler {
  using Request = kafka::DescribeClusterRequest;
  using Response = kafka::DescribeClusterResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
