#include "broker/metadata/endpoint_of.h"

namespace dohle::metadata {

std::optional<env::Endpoint> EndpointOf(const MetadataImage& image, NodeId broker,
                                        std::string_view listener) {
  const BrokerRegistration* registration = image.cluster.Broker(broker);
  const ListenerEndpoint* endpoint = registration == nullptr ? nullptr : registration->Endpoint(listener);
  if (endpoint == nullptr) return std::nullopt;
  return env::Endpoint{endpoint->host, endpoint->port};
}

}  // namespace dohle::metadata
