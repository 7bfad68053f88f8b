// DescribeTopicPartitions (key 75, KIP-966): partitions in pages.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DescribeTopicPartitionsRequest;
struct DescribeTopicPartitionsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DescribeTopicPartitionsHandler {
  using Request = kafka::DescribeTopicPartitionsRequest;
  using Response = kafka::DescribeTopicPartitionsResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
