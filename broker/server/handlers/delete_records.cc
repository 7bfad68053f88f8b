#include "broker/server/handlers/delete_records.h"

#include <utility>

#include "broker/replica/partition_registry.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/env/env.h"
#include "lib/kafka/messages/delete_records_request.h"
#include "lib/kafka/messages/delete_records_response.h"

namespace dohle::server {
namespace {

using kafka::DeleteRecordsRequest;
using kafka::DeleteRecordsResponse;
using Asked = DeleteRecordsRequest::DeleteRecordsPartition;
using Answer = DeleteRecordsResponse::DeleteRecordsPartitionResult;

constexpr int64_t kInvalidLowWatermark = -1;

env::Task<Answer> AnswerOne(RequestContext& context, std::string_view topic, const Asked& asked,
                            absl::Duration timeout) {
  Answer answer;
  answer.partition_index = asked.partition_index;
  answer.low_watermark = kInvalidLowWatermark;
  const PartitionIndex index(asked.partition_index);
  if (IsInternalTopic(topic)) {
    answer.error_code = Code(kafka::ErrorCode::kInvalidTopicException);
    co_return answer;
  }
  const auto partition = context.services.partitions.Find(topic, index);
  if (partition == nullptr) {
    answer.error_code = Code(MissingPartitionError(context.services, topic, index));
    co_return answer;
  }
  bool deletable = false;
  auto look = [&](storage::Log& log, Offset) {
    deletable = log.config().cleanup_delete;
    return OkStatus();
  };
  Status looked = co_await partition->WithLog(look);
  if (looked.ok() && !deletable) {
    answer.error_code = Code(kafka::ErrorCode::kPolicyViolation);
    co_return answer;
  }
  const absl::Duration spent = context.services.env.clock.Now() - context.received_at;
  StatusOr<Offset> start = co_await partition->DeleteRecordsBefore(Offset(asked.offset), timeout - spent);
  if (start.ok()) {
    answer.low_watermark = start->value();
  } else {
    answer.error_code = Code(PartitionError(start.status()));
  }
  co_return answer;
}

}  // namespace

env::Task<DeleteRecordsResponse> DeleteRecordsHandler::Handle(RequestContext& context,
                                                              const DeleteRecordsRequest& request) {
  DeleteRecordsResponse response;
  for (const auto& topic : request.topics) {
    DeleteRecordsResponse::DeleteRecordsTopicResult answered;
    answered.name = topic.name;
    for (const Asked& asked : topic.partitions) {
      const absl::Duration timeout = absl::Milliseconds(request.timeout_ms);
      Answer answer = co_await AnswerOne(context, topic.name.view(), asked, timeout);
      answered.partitions.push_back(answer);
    }
    response.topics.push_back(std::move(answered));
  }
  co_return response;
}

}  // namespace dohle::server
