// Envelope (key 58): a client's request that a broker hands on to the active controller (KIP-590).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct EnvelopeRequest;
struct EnvelopeResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct EnvelopeHandler {
  using Request = kafka::EnvelopeRequest;
  using Response = kafka::EnvelopeResponse;
  static constexpr kafka::VersionRange kVersions{0, 0};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
