// DescribeLogDirs (key 35): which replica takes how much of which log directory.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DescribeLogDirsRequest;
struct DescribeLogDirsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DescribeLogDirsHandler {
  using Request = kafka::DescribeLogDirsRequest;
  using Response = kafka::DescribeLogDirsResponse;
  static constexpr kafka::VersionRange kVersions{1, 5};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
