// Which partition of __consumer_offsets keeps a group: what FindCoordinator answers from.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/ids.h"

namespace dohle::coordinator {

// java.lang.String.hashCode of `utf8`: over UTF-16 units. Malformed bytes count as U+FFFD.
int32_t JavaHash(std::string_view utf8);

// Kafka's Utils.abs(groupId.hashCode()) % partitions. `partitions` > 0.
PartitionIndex PartitionForGroup(std::string_view group_id, int32_t partitions);

}  // namespace dohle::coordinator
