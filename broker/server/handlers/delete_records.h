// DeleteRecords (key 21): moves the start of a partition's log.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct DeleteRecordsRequest;
struct DeleteRecordsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct DeleteRecordsHandler {
  using Request = kafka::DeleteRecordsRequest;
  using Response = kafka::DeleteRecordsResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
