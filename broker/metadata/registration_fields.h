// What requests and records of registrations have in common (BrokerRegistrationRequest, RegisterBrokerRecord,
// RegisterControllerRecord: generated structs of the same fields), as the image keeps it. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "broker/metadata/image.h"

namespace dohle::metadata {

template <typename Feature>
SupportedFeatures ToFeatures(const std::vector<Feature>& features) {
  SupportedFeatures out;
  for (const Feature& feature : features) {
    out[std::string(feature.name.view())] = {feature.min_supported_version, feature.max_supported_version};
  }
  return out;
}

template <typename Listener>
std::vector<ListenerEndpoint> ToEndpoints(const std::vector<Listener>& listeners) {
  std::vector<ListenerEndpoint> out;
  for (const Listener& listener : listeners) {
    out.push_back({std::string(listener.name.view()), std::string(listener.host.view()), listener.port,
                   listener.security_protocol});
  }
  return out;
}

}  // namespace dohle::metadata
