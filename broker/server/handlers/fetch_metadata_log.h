// Fetch (key 1) on controller listeners: the metadata log (KIP-595).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct FetchRequest;
struct FetchResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct FetchMetadataLogHandler {
  using Request = kafka::FetchRequest;
  using Response = kafka::FetchResponse;
  static constexpr kafka::VersionRange kVersions{4, 18};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
