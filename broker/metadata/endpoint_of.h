// Where another node is reached, as the metadata says. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "broker/metadata/image.h"
#include "lib/env/transport.h"

namespace dohle::metadata {

// Where `broker` is reached on `listener` (of inter.broker.listener.name for other brokers). Nothing if it
// isn't registered, or not on that listener. A fenced broker has an endpoint as well: whether it is there is
// for the caller to find out.
std::optional<env::Endpoint> EndpointOf(const MetadataImage& image, NodeId broker, std::string_view listener);

}  // namespace dohle::metadata
