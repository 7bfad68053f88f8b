// ListOffsets (key 2): offsets by timestamp, and the special timestamps earliest, latest and greatest.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct ListOffsetsRequest;
struct ListOffsetsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct ListOffsetsHandler {
  using Request = kafka::ListOffsetsRequest;
  using Response = kafka::ListOffsetsResponse;
  static constexpr kafka::VersionRange kVersions{1, 11};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
