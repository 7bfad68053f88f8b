// Which replica a consumer is to read from: the rack-aware choice of KIP-392 (RackAwareReplicaSelector).
#pragma once

#include <string_view>
#include <vector>

#include "broker/metadata/image.h"
#include "broker/replica/replication.h"
#include "lib/base/ids.h"

namespace dohle::server {

// The one furthest on of `replicas` (the leader first) that lie in the consumer's `rack` and are reached by
// `listener`. The leader, if it lies there too or none does.
NodeId ChooseReadReplica(const metadata::ClusterImage& cluster, std::string_view rack,
                         std::string_view listener, const std::vector<replica::ReadReplica>& replicas);

}  // namespace dohle::server
