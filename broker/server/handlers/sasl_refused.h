// SaslHandshake (key 17) and SaslAuthenticate (key 36) on listeners without SASL, which are all that there
// are: refused as Kafka does there (KIP-43, KIP-152).
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct SaslAuthenticateRequest;
struct SaslAuthenticateResponse;
struct SaslHandshakeRequest;
struct SaslHandshakeResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct SaslHandshakeHandler {
  using Request = kafka::SaslHandshakeRequest;
  using Response = kafka::SaslHandshakeResponse;
  static constexpr kafka::VersionRange kVersions{0, 1};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

struct SaslAuthenticateHandler {
  using Request = kafka::SaslAuthenticateRequest;
  using Response = kafka::SaslAuthenticateResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
