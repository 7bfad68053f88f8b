// Small questions about the metadata that several handlers ask.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/metadata/image.h"
#include "broker/replica/partition.h"
#include "lib/base/ids.h"
#include "lib/kafka/error_code.h"

namespace dohle::server {

struct Services;

// Why there is no replica of this partition here: unknown to the cluster, led elsewhere, or on a disk that
// failed.
kafka::ErrorCode MissingPartitionError(const Services& services, std::string_view topic,
                                       PartitionIndex partition);
kafka::ErrorCode MissingPartitionError(const Services& services, const TopicId& topic,
                                       PartitionIndex partition);

// The answer to a failed epoch check (KIP-320).
kafka::ErrorCode EpochError(replica::FetchProblem problem);

// Topics that the broker itself writes.
bool IsInternalTopic(std::string_view topic);
inline constexpr std::string_view kConsumerOffsetsTopic = "__consumer_offsets";
inline constexpr std::string_view kTransactionStateTopic = "__transaction_state";
inline constexpr std::string_view kShareGroupStateTopic = "__share_group_state";

// Everything that is permitted where nothing is authorised: bit n stands for AclOperation n.
inline constexpr int32_t kAllTopicOperations = 3576;
inline constexpr int32_t kAllClusterOperations = 8096;
inline constexpr int32_t kAllGroupOperations = 3400;

// Where clients of `listener` reach a broker; null if it isn't to be reached there.
const metadata::ListenerEndpoint* EndpointFor(const metadata::BrokerRegistration& broker,
                                              std::string_view listener);

// The replicas of a partition that clients of `listener` can't use: on brokers that are unknown, fenced or
// not to be reached there, and in directories that are lost.
std::vector<int32_t> OfflineReplicas(const metadata::MetadataImage& image,
                                     const metadata::PartitionRegistration& partition,
                                     std::string_view listener);

// Which broker clients are told to be the controller: any live one does, as each hands on what is the active
// controller's. Best the active controller itself, else the broker that is asked. kNoNode if none is there.
NodeId ControllerForClients(const Services& services, const metadata::MetadataImage& image,
                            std::string_view listener);

}  // namespace dohle::server
