// AssignReplicasToDirs (key 73): in which log directories a broker keeps its replicas (KIP-858).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct AssignReplicasToDirsRequest;
struct AssignReplicasToDirsResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct AssignReplicasToDirsHandler {
  using Request = kafka::AssignReplicasToDirsRequest;
  using Response = kafka::AssignReplicasToDirsResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
