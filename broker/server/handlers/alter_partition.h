// AlterPartition (key 56): a leader asks for another ISR (KIP-497).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct AlterPartitionRequest;
struct AlterPartitionResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct AlterPartitionHandler {
  using Request = kafka::AlterPartitionRequest;
  using Response = kafka::AlterPartitionResponse;
  static constexpr kafka::VersionRange kVersions{2, 3};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
