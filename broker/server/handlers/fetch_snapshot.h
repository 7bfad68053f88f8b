// FetchSnapshot (key 59): a piece of a snapshot of the metadata (KIP-630).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct FetchSnapshotRequest;
struct FetchSnapshotResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct FetchSnapshotHandler {
  using Request = kafka::FetchSnapshotRequest;
  using Response = kafka::FetchSnapshotResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
