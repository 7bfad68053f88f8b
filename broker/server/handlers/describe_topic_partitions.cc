#include "broker/server/handlers/describe_topic_partitions.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/metadata/publisher.h"
#include "broker/metadata/topic_name.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/describe_topic_partitions_request.h"
#include "lib/kafka/messages/describe_topic_partitions_response.h"

namespace dohle::server {
namespace {

using kafka::DescribeTopicPartitionsRequest;
using kafka::ErrorCode;
using Response = kafka::DescribeTopicPartitionsResponse;
using metadata::MetadataImage;

std::vector<int32_t> Plain(const metadata::Replicas& nodes) {
  std::vector<int32_t> plain;
  for (const NodeId node : nodes) plain.push_back(node.value());
  return plain;
}

Response::DescribeTopicPartitionsResponsePartition Describe(
    const MetadataImage& image, PartitionIndex index, const metadata::PartitionRegistration& registration,
    std::string_view listener) {
  Response::DescribeTopicPartitionsResponsePartition partition;
  partition.partition_index = index.value();
  partition.leader_id = registration.leader.value();
  partition.leader_epoch = registration.leader_epoch.value();
  partition.replica_nodes = Plain(registration.replicas);
  partition.isr_nodes = Plain(registration.isr);
  partition.eligible_leader_replicas = Plain(registration.elr);
  partition.last_known_elr = Plain(registration.last_known_elr);
  partition.offline_replicas = OfflineReplicas(image, registration, listener);
  // No error, unlike Metadata.
  const metadata::BrokerRegistration* leader = image.cluster.Broker(registration.leader);
  if (leader == nullptr || EndpointFor(*leader, listener) == nullptr) partition.leader_id = kNoNode.value();
  return partition;
}

// The topics to describe, in order. KIP-966: sorted by name, from the cursor on.
std::vector<std::string> Wanted(const MetadataImage& image, const DescribeTopicPartitionsRequest& request) {
  std::set<std::string> names;
  if (request.topics.empty()) {
    for (const auto& [id, topic] : image.topics.by_id) names.insert(topic.name);
  } else {
    for (const auto& topic : request.topics) names.insert(std::string(topic.name.view()));
  }
  const std::string from = request.cursor ? std::string(request.cursor->topic_name.view()) : std::string();
  return {names.lower_bound(from), names.end()};
}

Response::DescribeTopicPartitionsResponseTopic Refuse(const std::string& name) {
  Response::DescribeTopicPartitionsResponseTopic refused;
  refused.name = kafka::Text::Copy(name);
  refused.is_internal = IsInternalTopic(name);
  refused.topic_authorized_operations = kAllTopicOperations;
  refused.error_code =
      Code(metadata::TopicNameProblem(name) == std::nullopt ? ErrorCode::kUnknownTopicOrPartition
                                                            : ErrorCode::kInvalidTopicException);
  return refused;
}

// Kafka's answer to a request that is refused as a whole.
Response RefuseAll(const DescribeTopicPartitionsRequest& request) {
  Response response;
  for (const auto& topic : request.topics) {
    Response::DescribeTopicPartitionsResponseTopic refused;
    refused.name = kafka::Text::Copy(topic.name.view());
    refused.error_code = Code(ErrorCode::kInvalidRequest);
    response.topics.push_back(std::move(refused));
  }
  return response;
}

}  // namespace

env::Task<Response> DescribeTopicPartitionsHandler::Handle(RequestContext& context,
                                                           const DescribeTopicPartitionsRequest& request) {
  if (request.cursor && request.cursor->partition_index < 0) co_return RefuseAll(request);
  Response response;
  const metadata::ImagePtr image = context.services.metadata.Current();
  int32_t room = std::clamp(request.response_partition_limit, 1,
                            context.services.config.network.max_request_partition_size_limit);
  for (const std::string& name : Wanted(*image, request)) {
    const metadata::TopicImage* topic = image->topics.Find(name);
    if (topic == nullptr) {
      response.topics.push_back(Refuse(name));
      continue;
    }
    PartitionIndex first(0);
    if (request.cursor && request.cursor->topic_name.view() == name) {
      first = PartitionIndex(request.cursor->partition_index);
    }
    const PartitionIndex end(topic->partition_count());
    if (room == 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = kafka::Text::Copy(name);
      response.next_cursor->partition_index = first.value();
      break;
    }
    Response::DescribeTopicPartitionsResponseTopic described;
    described.name = kafka::Text::Copy(name);
    described.topic_id = topic->id;
    described.is_internal = IsInternalTopic(name);
    described.topic_authorized_operations = kAllTopicOperations;
    PartitionIndex index = first;
    for (; index < end && room > 0; ++index, --room) {
      const metadata::PartitionRegistration* registration = topic->Partition(index);
      if (registration != nullptr)
        described.partitions.push_back(
            Describe(*image, index, *registration, context.connection.listener_name));
    }
    response.topics.push_back(std::move(described));
    if (index < end) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = kafka::Text::Copy(name);
      response.next_cursor->partition_index = index.value();
      break;
    }
  }
  co_return response;
}

}  // namespace dohle::server
