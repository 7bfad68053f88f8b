// KIP-951: an answer that refuses because somebody else leads says who does and where that is to be reached.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "broker/metadata/image.h"
#include "broker/server/metadata_lookup.h"
#include "lib/base/ids.h"
#include "lib/kafka/message.h"

namespace dohle::server {

// Of Fetch and Produce answers alike: adds where `leader` is to be reached from `listener`, once; nothing if
// it is unknown or fenced.
template <typename NodeEndpoint>
void AddNodeEndpoint(const metadata::MetadataImage& image, std::string_view listener, NodeId leader,
                     std::vector<NodeEndpoint>* endpoints) {
  if (std::ranges::find(*endpoints, leader.value(), &NodeEndpoint::node_id) != endpoints->end()) return;
  const metadata::BrokerRegistration* broker = image.cluster.Broker(leader);
  if (broker == nullptr || broker->fenced) return;
  const metadata::ListenerEndpoint* where = EndpointFor(*broker, listener);
  if (where == nullptr) return;
  NodeEndpoint& endpoint = endpoints->emplace_back();
  endpoint.node_id = leader.value();
  endpoint.host = kafka::Text::Copy(where->host);
  endpoint.port = where->port;
  if (broker->rack) endpoint.rack = kafka::Text::Copy(*broker->rack);
}

}  // namespace dohle::server
