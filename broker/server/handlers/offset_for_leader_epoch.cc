#include "broker/server/handlers/offset_for_leader_epoch.h"

#include <utility>

#include "broker/replica/partition_registry.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/offset_for_leader_epoch_request.h"
#include "lib/kafka/messages/offset_for_leader_epoch_response.h"

namespace dohle::server {
namespace {

using kafka::OffsetForLeaderEpochRequest;
using kafka::OffsetForLeaderEpochResponse;
using Asked = OffsetForLeaderEpochRequest::OffsetForLeaderPartition;
using Answer = OffsetForLeaderEpochResponse::EpochEndOffset;

env::Task<Answer> AnswerOne(RequestContext& context, std::string_view topic, const Asked& asked) {
  Answer answer;
  answer.partition = asked.partition;
  const PartitionIndex index(asked.partition);
  const auto partition = context.services.partitions.Find(topic, index);
  if (partition == nullptr) {
    answer.error_code = Code(MissingPartitionError(context.services, topic, index));
    co_return answer;
  }
  const LeaderEpoch current(asked.current_leader_epoch);
  const replica::EpochCheck check = co_await partition->CheckEpochAndBounds(current);
  if (check.problem != replica::FetchProblem::kNone) {
    answer.error_code = Code(EpochError(check.problem));
    co_return answer;
  }
  auto look = [&](storage::Log& log, Offset) {
    const storage::EpochEnd end = log.EndOffsetForEpoch(LeaderEpoch(asked.leader_epoch));
    answer.leader_epoch = end.epoch.value();
    answer.end_offset = end.end_offset.value();
    return OkStatus();
  };
  Status looked = co_await partition->WithLog(look);
  if (!looked.ok()) answer.error_code = Code(PartitionError(looked));
  co_return answer;
}

}  // namespace

env::Task<OffsetForLeaderEpochResponse> OffsetForLeaderEpochHandler::Handle(
    RequestContext& context, const OffsetForLeaderEpochRequest& request) {
  OffsetForLeaderEpochResponse response;
  for (const auto& topic : request.topics) {
    OffsetForLeaderEpochResponse::OffsetForLeaderTopicResult answered;
    answered.topic = topic.topic;
    for (const Asked& asked : topic.partitions) {
      Answer answer = co_await AnswerOne(context, topic.topic.view(), asked);
      answered.partitions.push_back(answer);
    }
    response.topics.push_back(std::move(answered));
  }
  co_return response;
}

}  // namespace dohle::server
