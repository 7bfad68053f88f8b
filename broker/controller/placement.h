// Where the replicas of new partitions go: striped over racks and, within a rack, over brokers, so that
// leaders and followers spread evenly (the semantics of Kafka's StripedReplicaPlacer). Pure but for the
// random start.
#pragma once

#include <variant>
#include <vector>

#include "broker/controller/api_error.h"
#include "broker/metadata/image.h"
#include "lib/env/random.h"

namespace dohle::controller {

struct UsableBroker {
  NodeId id;
  std::optional<std::string> rack;
  bool fenced = false;
};
// Brokers that may get replicas: not those that shut down just now, nor those whose every log directory is
// cordoned (KIP-1066). By id.
std::vector<UsableBroker> UsableBrokers(const metadata::MetadataImage& image);

using Placement = std::vector<metadata::Replicas>;  // of each partition; the first replica leads

// The placement, or the message of INVALID_REPLICATION_FACTOR.
std::variant<Placement, std::string> PlaceReplicas(const std::vector<UsableBroker>& brokers,
                                                   int32_t partitions, int16_t replication_factor,
                                                   env::Random& random);

}  // namespace dohle::controller
