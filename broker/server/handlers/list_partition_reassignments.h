// ListPartitionReassignments (key 46, KIP-455).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ListPartitionReassignmentsRequest;
struct ListPartitionReassignmentsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ListPartitionReassignmentsHandler {
  using Request = kafka::ListPartitionReassignmentsRequest;
  using Response = kafka::ListPartitionReassignmentsResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
