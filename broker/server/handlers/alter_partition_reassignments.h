// AlterPartitionReassignments (key 45, KIP-455).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct AlterPartitionReassignmentsRequest;
struct AlterPartitionReassignmentsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct AlterPartitionReassignmentsHandler {
  using Request = kafka::AlterPartitionReassignmentsRequest;
  using Response = kafka::AlterPartitionReassignmentsResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
