// UpdateFeatures (key 57, KIP-584): finalises feature levels.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {
struct UpdateFeaturesRequest;
struct UpdateFeaturesResponse;
}  // namespace dohle::kafka

namespace dohle::server {

class RequestContext;

struct UpdateFeaturesHandler {
  using Request = kafka::UpdateFeaturesRequest;
  using Response = kafka::UpdateFeaturesResponse;
  static constexpr kafka::VersionRange kVersions{0, 2};
  static env::Task<Response> Handle(RequestContext& context, const Request& request);
};

}  // namespace dohle::server
