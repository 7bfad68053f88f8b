#include "broker/server/handlers/metadata.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/metadata/image.h"
#include "broker/metadata/publisher.h"
#include "broker/metadata/topic_name.h"
#include "broker/server/auto_topic_creation.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/departed_brokers.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "broker/server/suspected_brokers.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;
using kafka::MetadataRequest;
using kafka::MetadataResponse;
using metadata::MetadataImage;

constexpr int16_t kFirstVersionWithNullForAll = 1;
constexpr int16_t kFirstVersionWithAutoCreationFlag = 4;
constexpr int16_t kFirstVersionWithListenerNotFound = 6;
// Versions 10 and 11 have the field, but no broker serves it there (KAFKA-10774).
constexpr int16_t kFirstVersionWithTopicIds = 12;

std::vector<int32_t> Plain(const metadata::Replicas& nodes) {
  std::vector<int32_t> plain;
  plain.reserve(nodes.size());
  for (const NodeId node : nodes) plain.push_back(node.value());
  return plain;
}

// Version 0 leaves out whom its clients can't reach.
void KeepReachable(const MetadataImage& image, std::string_view listener,
                   MetadataResponse::MetadataResponsePartition* partition) {
  const auto unreachable = [&](int32_t node) {
    const metadata::BrokerRegistration* broker = image.cluster.Broker(NodeId(node));
    return broker == nullptr || broker->fenced || EndpointFor(*broker, listener) == nullptr;
  };
  const size_t left_out =
      std::erase_if(partition->replica_nodes, unreachable) + std::erase_if(partition->isr_nodes, unreachable);
  if (left_out > 0 && partition->error_code == 0) {
    partition->error_code = Code(ErrorCode::kReplicaNotAvailable);
  }
}

MetadataResponse::MetadataResponsePartition Describe(const RequestContext& context,
                                                     const MetadataImage& image, PartitionIndex index,
                                                     const metadata::PartitionRegistration& registration) {
  const std::string& listener = context.connection.listener_name;
  MetadataResponse::MetadataResponsePartition partition;
  partition.partition_index = index.value();
  partition.leader_id = registration.leader.value();
  partition.leader_epoch = registration.leader_epoch.value();
  partition.replica_nodes = Plain(registration.replicas);
  partition.isr_nodes = Plain(registration.isr);
  partition.offline_replicas = OfflineReplicas(image, registration, listener);
  const metadata::BrokerRegistration* leader = image.cluster.Broker(registration.leader);
  if (leader == nullptr || EndpointFor(*leader, listener) == nullptr) {
    const bool says_so = leader != nullptr && context.api_version >= kFirstVersionWithListenerNotFound;
    partition.error_code = Code(says_so ? ErrorCode::kListenerNotFound : ErrorCode::kLeaderNotAvailable);
    partition.leader_id = kNoNode.value();
  }
  if (context.api_version == 0) KeepReachable(image, listener, &partition);
  return partition;
}

MetadataResponse::MetadataResponseTopic Describe(const RequestContext& context, const MetadataImage& image,
                                                 const metadata::TopicImage& topic, bool operations) {
  MetadataResponse::MetadataResponseTopic described;
  described.name = kafka::Text::Copy(topic.name);
  described.topic_id = topic.id;
  described.is_internal = IsInternalTopic(topic.name);
  if (operations) described.topic_authorized_operations = kAllTopicOperations;
  const int32_t count = topic.partition_count();
  described.partitions.reserve(static_cast<size_t>(count));
  for (PartitionIndex index(0); index < PartitionIndex(count); ++index) {
    const metadata::PartitionRegistration* registration = topic.Partition(index);
    if (registration == nullptr) continue;
    described.partitions.push_back(Describe(context, image, index, *registration));
  }
  return described;
}

MetadataResponse::MetadataResponseTopic Refuse(std::string_view name, ErrorCode error) {
  MetadataResponse::MetadataResponseTopic refused;
  refused.name = kafka::Text::Copy(name);
  refused.error_code = Code(error);
  refused.is_internal = IsInternalTopic(name);
  return refused;
}

void AddBrokers(const RequestContext& context, const MetadataImage& image, MetadataResponse* response) {
  for (const auto& [id, registration] : image.cluster.brokers) {
    const metadata::ListenerEndpoint* endpoint = EndpointFor(registration, context.connection.listener_name);
    const bool there = !registration.fenced || context.services.departed_brokers.JustLeft(id);
    if (!there || endpoint == nullptr) continue;
    MetadataResponse::MetadataResponseBroker broker;
    broker.node_id = id.value();
    broker.host = kafka::Text::Copy(endpoint->host);
    broker.port = endpoint->port;
    if (registration.rack) broker.rack = kafka::Text::Copy(*registration.rack);
    response->brokers.push_back(std::move(broker));
  }
}

bool LeadsAny(NodeId broker, const metadata::TopicImage* topic) {
  if (topic == nullptr) return false;
  for (PartitionIndex index(0); index < PartitionIndex(topic->partition_count()); ++index) {
    const metadata::PartitionRegistration* registration = topic->Partition(index);
    if (registration != nullptr && registration->leader == broker) return true;
  }
  return false;
}

// Of topics that are asked for by name or id. Who asks for all isn't waiting for a certain leader.
bool IsLedBy(NodeId broker, const MetadataRequest& request, const MetadataImage& image) {
  if (!request.topics) return false;
  return std::any_of(request.topics->begin(), request.topics->end(), [&](const auto& topic) {
    const bool by_name = topic.name && topic.topic_id == TopicId();
    return LeadsAny(broker,
                    by_name ? image.topics.Find(topic.name->view()) : image.topics.Find(topic.topic_id));
  });
}

// The names asked for that don't exist and may be created.
std::vector<std::string> ToCreate(const RequestContext& context, const MetadataRequest& request,
                                  const MetadataImage& image) {
  std::vector<std::string> missing;
  const bool asked =
      context.api_version < kFirstVersionWithAutoCreationFlag || request.allow_auto_topic_creation;
  if (!asked || !context.services.config.auto_create_topics_enable || !request.topics) return missing;
  for (const auto& topic : *request.topics) {
    if (!topic.name || topic.topic_id != TopicId()) continue;
    if (image.topics.Find(topic.name->view()) != nullptr) continue;
    if (!metadata::TopicNameProblem(topic.name->view())) missing.emplace_back(topic.name->view());
  }
  return missing;
}

bool AsksForMoreThanItsVersionHas(int16_t version, const MetadataRequest& request) {
  if (version >= kFirstVersionWithTopicIds || !request.topics) return false;
  return std::any_of(request.topics->begin(), request.topics->end(),
                     [](const auto& topic) { return !topic.name || topic.topic_id != TopicId(); });
}

// Kafka's answer to a request that is refused as a whole.
MetadataResponse RefuseAll(const MetadataRequest& request) {
  MetadataResponse response;
  response.cluster_id.reset();
  for (const auto& asked : *request.topics) {
    auto refused = Refuse(asked.name ? asked.name->view() : "", ErrorCode::kInvalidRequest);
    refused.topic_id = asked.topic_id;
    refused.is_internal = false;
    response.topics.push_back(std::move(refused));
  }
  return response;
}

// Waits until it is decided who leads what is asked for and was led by a broker that has just been lost.
env::Task<void> AwaitVerdicts(RequestContext& context, const MetadataRequest& request,
                              const MetadataImage& image) {
  SuspectedBrokers& suspected = context.services.suspected_brokers;
  for (const auto& [id, registration] : image.cluster.brokers) {
    if (!suspected.Suspects(id) || !IsLedBy(id, request, image)) continue;
    context.AllowNext();
    co_await suspected.AwaitVerdict(id);
  }
}

}  // namespace

env::Task<MetadataResponse> MetadataHandler::Handle(RequestContext& context, const MetadataRequest& request) {
  if (AsksForMoreThanItsVersionHas(context.api_version, request)) co_return RefuseAll(request);
  MetadataResponse response;
  metadata::ImagePtr image = context.services.metadata.Current();
  const std::vector<std::string> to_create = ToCreate(context, request, *image);
  StringMap<ErrorCode> creation_errors;
  if (!to_create.empty()) {
    context.AllowNext();
    creation_errors = co_await CreateTopicsAutomatically(context.services, to_create);
    image = context.services.metadata.Current();
  }
  co_await AwaitVerdicts(context, request, *image);
  image = context.services.metadata.Current();
  AddBrokers(context, *image, &response);
  response.cluster_id = kafka::Text::Copy(context.services.cluster_id);
  response.controller_id =
      ControllerForClients(context.services, *image, context.connection.listener_name).value();
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kAllClusterOperations;
  const bool operations = request.include_topic_authorized_operations;
  const bool all =
      !request.topics || (context.api_version < kFirstVersionWithNullForAll && request.topics->empty());
  if (all) {
    for (const auto& [id, topic] : image->topics.by_id) {
      response.topics.push_back(Describe(context, *image, topic, operations));
    }
    co_return response;
  }
  for (const auto& asked : *request.topics) {
    // Java sends an empty name with an id.
    if (!asked.name || asked.topic_id != TopicId()) {
      const metadata::TopicImage* topic = image->topics.Find(asked.topic_id);
      if (topic != nullptr) {
        response.topics.push_back(Describe(context, *image, *topic, operations));
      } else {
        auto refused = Refuse("", ErrorCode::kUnknownTopicId);
        refused.name.reset();
        refused.topic_id = asked.topic_id;
        response.topics.push_back(std::move(refused));
      }
      continue;
    }
    const std::string_view name = asked.name->view();
    if (const metadata::TopicImage* topic = image->topics.Find(name)) {
      response.topics.push_back(Describe(context, *image, *topic, operations));
    } else if (metadata::TopicNameProblem(name)) {
      response.topics.push_back(Refuse(name, ErrorCode::kInvalidTopicException));
    } else {
      const auto failed = creation_errors.find(name);
      response.topics.push_back(Refuse(
          name, failed == creation_errors.end() ? ErrorCode::kUnknownTopicOrPartition : failed->second));
    }
  }
  co_return response;
}

}  // namespace dohle::server
