#include "broker/server/metadata_lookup.h"

#include "broker/controller/partition_change.h"
#include "broker/metadata/metadata_log.h"
#include "broker/server/services.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;

ErrorCode MissingFrom(const Services& services, const metadata::TopicImage& topic, PartitionIndex partition) {
  const metadata::PartitionRegistration* registration = topic.Partition(partition);
  if (registration == nullptr) return ErrorCode::kUnknownTopicOrPartition;
  // The metadata says that it is here, but it isn't: its log directory is offline.
  if (registration->HasReplica(services.node_id)) return ErrorCode::kKafkaStorageError;
  return ErrorCode::kNotLeaderOrFollower;
}

}  // namespace

ErrorCode MissingPartitionError(const Services& services, std::string_view topic, PartitionIndex partition) {
  const metadata::ImagePtr image = services.metadata.Current();
  const metadata::TopicImage* found = image->topics.Find(topic);
  return found == nullptr ? ErrorCode::kUnknownTopicOrPartition : MissingFrom(services, *found, partition);
}

ErrorCode MissingPartitionError(const Services& services, const TopicId& topic, PartitionIndex partition) {
  const metadata::ImagePtr image = services.metadata.Current();
  const metadata::TopicImage* found = image->topics.Find(topic);
  return found == nullptr ? ErrorCode::kUnknownTopicId : MissingFrom(services, *found, partition);
}

ErrorCode EpochError(replica::FetchProblem problem) {
  switch (problem) {
    case replica::FetchProblem::kNone:
      return ErrorCode::kNone;
    case replica::FetchProblem::kNotLeader:
      return ErrorCode::kNotLeaderOrFollower;
    case replica::FetchProblem::kFencedLeaderEpoch:
      return ErrorCode::kFencedLeaderEpoch;
    case replica::FetchProblem::kUnknownLeaderEpoch:
      return ErrorCode::kUnknownLeaderEpoch;
    case replica::FetchProblem::kOffsetOutOfRange:
      return ErrorCode::kOffsetOutOfRange;
    case replica::FetchProblem::kStorage:
      return ErrorCode::kKafkaStorageError;
  }
  return ErrorCode::kUnknownServerError;
}

bool IsInternalTopic(std::string_view topic) {
  return topic == kConsumerOffsetsTopic || topic == kTransactionStateTopic || topic == kShareGroupStateTopic;
}

const metadata::ListenerEndpoint* EndpointFor(const metadata::BrokerRegistration& broker,
                                              std::string_view listener) {
  return broker.Endpoint(listener);
}

std::vector<int32_t> OfflineReplicas(const metadata::MetadataImage& image,
                                     const metadata::PartitionRegistration& partition,
                                     std::string_view listener) {
  std::vector<int32_t> offline;
  for (const NodeId node : partition.replicas) {
    const metadata::BrokerRegistration* broker = image.cluster.Broker(node);
    const bool usable = broker != nullptr && !broker->fenced && EndpointFor(*broker, listener) != nullptr &&
                        controller::HasOnlineDirectory(image, node, partition.DirectoryOf(node));
    if (!usable) offline.push_back(node.value());
  }
  return offline;
}

NodeId ControllerForClients(const Services& services, const metadata::MetadataImage& image,
                            std::string_view listener) {
  const auto is_there = [&](NodeId id) {
    const metadata::BrokerRegistration* broker = image.cluster.Broker(id);
    return broker != nullptr && !broker->fenced && EndpointFor(*broker, listener) != nullptr;
  };
  const NodeId active = services.metadata_log.leader()->id;
  if (is_there(active)) return active;
  if (is_there(services.node_id)) return services.node_id;
  for (const auto& [id, registration] : image.cluster.brokers) {
    if (is_there(id)) return id;
  }
  return kNoNode;
}

}  // namespace dohle::server
