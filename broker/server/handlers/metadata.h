// Metadata (key 3): brokers, topics and leaders; may create the topics that it is asked for.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct MetadataRequest;
struct MetadataResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct MetadataHandler {
  using Request = kafka::MetadataRequest;
  using Response = kafka::MetadataResponse;
  static constexpr kafka::VersionRange kVersions{0, 13};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
