#include "broker/server/handlers/find_coordinator.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/coordinator/group_coordinator.h"
#include "broker/metadata/publisher.h"
#include "broker/server/auto_topic_creation.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/find_coordinator_request.h"
#include "lib/kafka/messages/find_coordinator_response.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;
using kafka::FindCoordinatorRequest;
using kafka::FindCoordinatorResponse;
using Coordinator = FindCoordinatorResponse::Coordinator;

constexpr int8_t kGroupKey = 0;
constexpr int8_t kTransactionKey = 1;
constexpr int8_t kShareKey = 2;
constexpr int16_t kFirstVersionWithMany = 4;

void Refuse(ErrorCode error, std::string message, Coordinator* answer) {
  answer->error_code = Code(error);
  answer->error_message = kafka::Text(std::move(message));
  answer->node_id = kNoNode.value();
  answer->port = -1;
}

// The leader of the partition of __consumer_offsets that keeps the group.
Coordinator Locate(const RequestContext& context, const metadata::MetadataImage& image,
                   std::string_view group) {
  Coordinator answer;
  answer.key = group;
  const PartitionIndex partition = context.services.groups.PartitionFor(group);
  const auto* registration = image.topics.Partition(kConsumerOffsetsTopic, partition);
  const metadata::BrokerRegistration* leader =
      registration == nullptr ? nullptr : image.cluster.Broker(registration->leader);
  const metadata::ListenerEndpoint* endpoint =
      leader == nullptr ? nullptr : EndpointFor(*leader, context.connection.listener_name);
  if (endpoint == nullptr) {
    Refuse(ErrorCode::kCoordinatorNotAvailable, "The coordinator is not available.", &answer);
    return answer;
  }
  answer.node_id = leader->id.value();
  answer.host = kafka::Text::Copy(endpoint->host);
  answer.port = endpoint->port;
  return answer;
}

FindCoordinatorResponse AsOne(Coordinator only) {
  FindCoordinatorResponse response;
  response.error_code = only.error_code;
  response.error_message = std::move(only.error_message);
  if (only.error_code == 0) response.error_message = kafka::Text("NONE");  // the name of Kafka's code 0
  response.node_id = only.node_id;
  response.host = std::move(only.host);
  response.port = only.port;
  return response;
}

}  // namespace

env::Task<FindCoordinatorResponse> FindCoordinatorHandler::Handle(RequestContext& context,
                                                                  const FindCoordinatorRequest& request) {
  const bool many = context.api_version >= kFirstVersionWithMany;
  std::vector<std::string_view> keys;
  if (many) {
    for (const kafka::Text& key : request.coordinator_keys) keys.push_back(key.view());
  } else {
    keys.push_back(request.key.view());
  }
  std::vector<Coordinator> answers;
  if (request.key_type == kGroupKey) {
    metadata::ImagePtr image = context.services.metadata.Current();
    if (image->topics.Find(kConsumerOffsetsTopic) == nullptr) {
      context.AllowNext();
      std::vector<std::string> missing(1, std::string(kConsumerOffsetsTopic));
      co_await CreateTopicsAutomatically(context.services, std::move(missing));
      image = context.services.metadata.Current();
    }
    for (const std::string_view key : keys) answers.push_back(Locate(context, *image, key));
  } else {
    // Neither transactions nor share groups have a coordinator here; said for good, so that nobody tries for
    // ever.
    for (const std::string_view key : keys) {
      Coordinator answer;
      answer.key = key;
      const bool known = request.key_type == kTransactionKey || request.key_type == kShareKey;
      Refuse(ErrorCode::kInvalidRequest,
             known ? fmt::format(
                         "This broker has no coordinator of type {}: transactions and share groups aren't "
                         "served.",
                         request.key_type)
                   : std::string(kInvalidRequestSentence),
             &answer);
      answers.push_back(std::move(answer));
    }
  }
  if (!many) co_return AsOne(std::move(answers.front()));
  FindCoordinatorResponse response;
  response.coordinators = std::move(answers);
  co_return response;
}

}  // namespace dohle::server
