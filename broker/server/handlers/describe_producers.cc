#include "broker/server/handlers/describe_producers.h"

#include <utility>

#include "broker/metadata/topic_name.h"
#include "broker/replica/partition_registry.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "broker/storage/producer_state.h"
#include "lib/kafka/messages/describe_producers_request.h"
#include "lib/kafka/messages/describe_producers_response.h"

namespace dohle::server {
namespace {

using Response = kafka::DescribeProducersResponse;

Response::ProducerState ToAnswer(const storage::ProducerDescription& producer) {
  Response::ProducerState state;
  state.producer_id = producer.producer_id.value();
  state.producer_epoch = producer.epoch.value();
  state.last_sequence = producer.last_sequence;
  state.last_timestamp = producer.last_timestamp_ms;
  state.coordinator_epoch = producer.coordinator_epoch;
  state.current_txn_start_offset = producer.current_transaction_first_offset.value();
  return state;
}

env::Task<Response::PartitionResponse> AnswerOne(RequestContext& context, std::string_view topic,
                                                 PartitionIndex index) {
  Response::PartitionResponse answer;
  answer.partition_index = index.value();
  if (const auto problem = metadata::TopicNameProblem(topic)) {
    answer.error_code = Code(kafka::ErrorCode::kInvalidTopicException);
    answer.error_message = kafka::Text::Copy(*problem);
    co_return answer;
  }
  const auto partition = context.services.partitions.Find(topic, index);
  if (partition == nullptr) {
    answer.error_code = Code(MissingPartitionError(context.services, topic, index));
    co_return answer;
  }
  auto look = [&](storage::Log& log, Offset) {
    for (const auto& producer : log.DescribeProducers())
      answer.active_producers.push_back(ToAnswer(producer));
    return OkStatus();
  };
  Status looked = co_await partition->WithLog(look);
  if (!looked.ok()) answer.error_code = Code(PartitionError(looked));
  co_return answer;
}

}  // namespace

env::Task<Response> DescribeProducersHandler::Handle(RequestContext& context,
                                                     const kafka::DescribeProducersRequest& request) {
  Response response;
  for (const auto& topic : request.topics) {
    Response::TopicResponse answered;
    answered.name = topic.name;
    for (const int32_t index : topic.partition_indexes) {
      answered.partitions.push_back(co_await AnswerOne(context, topic.name.view(), PartitionIndex(index)));
    }
    response.topics.push_back(std::move(answered));
  }
  co_return response;
}

}  // namespace dohle::server
