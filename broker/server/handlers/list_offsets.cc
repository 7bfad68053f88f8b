#include "broker/server/handlers/list_offsets.h"

#include <map>
#include <optional>
#include <utility>

#include "broker/replica/partition_registry.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/list_offsets_request.h"
#include "lib/kafka/messages/list_offsets_response.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;
using kafka::ListOffsetsRequest;
using kafka::ListOffsetsResponse;
using Asked = ListOffsetsRequest::ListOffsetsPartition;
using Answer = ListOffsetsResponse::ListOffsetsPartitionResponse;

// The special timestamps, and the versions that brought them (ListOffsetsRequest of Kafka).
constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kMaxTimestamp = -3;           // KIP-734
constexpr int64_t kEarliestLocal = -4;          // KIP-405
constexpr int64_t kLatestTiered = -5;           // KIP-1005
constexpr int64_t kEarliestPendingUpload = -6;  // KIP-1023
constexpr int8_t kReadCommitted = 1;
constexpr int32_t kConsumer = -1;
constexpr int16_t kFirstVersionWithOffsetNotAvailable = 5;

int16_t FirstVersionOf(int64_t timestamp) {
  switch (timestamp) {
    case kMaxTimestamp:
      return 7;
    case kEarliestLocal:
      return 8;
    case kLatestTiered:
      return 9;
    case kEarliestPendingUpload:
      return 11;
    default:
      return 0;
  }
}

// In place of the number of times that a partition is named: it has had its one answer.
constexpr int kAnswered = -1;

struct Bounds {
  Offset upper;  // what this reader may see up to
};

Status Look(storage::Log& log, int64_t timestamp, Bounds bounds, Answer* answer) {
  switch (timestamp) {
    case kLatest:
      answer->offset = bounds.upper.value();
      answer->leader_epoch = log.latest_epoch().value();
      return OkStatus();
    case kEarliest:
    case kEarliestLocal:
      answer->offset = log.log_start_offset().value();
      answer->leader_epoch = log.EpochForOffset(log.log_start_offset()).value();
      return OkStatus();
    case kLatestTiered:
    case kEarliestPendingUpload:
      return OkStatus();  // nothing is tiered: -1, as Kafka answers without remote storage
    default:
      break;
  }
  auto found =
      timestamp == kMaxTimestamp ? log.MaxTimestamp() : log.OffsetForTimestamp(timestamp, bounds.upper);
  if (!found.ok()) return found.status();
  if (found->has_value() && (*found)->offset < bounds.upper) {
    answer->timestamp = (*found)->timestamp_ms;
    answer->offset = (*found)->offset.value();
    answer->leader_epoch = (*found)->leader_epoch.value();
  }
  return OkStatus();
}

env::Task<Answer> AnswerOne(RequestContext& context, const ListOffsetsRequest& request,
                            std::string_view topic, const Asked& asked) {
  Answer answer;
  answer.partition_index = asked.partition_index;
  const bool known = asked.timestamp >= kEarliestPendingUpload;
  if (!known || context.api_version < FirstVersionOf(asked.timestamp)) {
    answer.error_code = Code(ErrorCode::kUnsupportedVersion);
    co_return answer;
  }
  const PartitionIndex index(asked.partition_index);
  const auto partition = context.services.partitions.Find(topic, index);
  if (partition == nullptr) {
    answer.error_code = Code(MissingPartitionError(context.services, topic, index));
    co_return answer;
  }
  // Checks leadership and epoch as a fetch does, and gives the offsets that bound the look.
  replica::FetchOptions nothing;
  nothing.current_leader_epoch = LeaderEpoch(asked.current_leader_epoch);
  const replica::EpochCheck check = co_await partition->CheckEpochAndBounds(nothing.current_leader_epoch);
  if (check.problem != replica::FetchProblem::kNone) {
    answer.error_code = Code(EpochError(check.problem));
    co_return answer;
  }
  Bounds bounds{check.high_watermark};
  if (request.isolation_level == kReadCommitted) bounds.upper = check.last_stable_offset;
  if (request.replica_id != kConsumer) bounds.upper = check.log_end_offset;
  auto look = [&](storage::Log& log, Offset) { return Look(log, asked.timestamp, bounds, &answer); };
  Status looked = co_await partition->WithLog(look);
  if (!looked.ok()) answer.error_code = Code(PartitionError(looked));
  const bool past_high_watermark = asked.timestamp == kLatest || answer.offset < 0;
  if (looked.ok() && check.high_watermark_lags && past_high_watermark && request.replica_id == kConsumer) {
    // Or it would say less than the leader before it did.
    answer = {};
    answer.partition_index = asked.partition_index;
    answer.error_code =
        Code(context.api_version >= kFirstVersionWithOffsetNotAvailable ? ErrorCode::kOffsetNotAvailable
                                                                        : ErrorCode::kLeaderNotAvailable);
  }
  co_return answer;
}

}  // namespace

env::Task<ListOffsetsResponse> ListOffsetsHandler::Handle(RequestContext& context,
                                                          const ListOffsetsRequest& request) {
  ListOffsetsResponse response;
  // A partition that is named twice has no answer that the client could tell apart.
  std::map<std::pair<std::string_view, int32_t>, int> times;
  for (const auto& topic : request.topics) {
    for (const Asked& asked : topic.partitions) ++times[{topic.name.view(), asked.partition_index}];
  }
  for (const auto& topic : request.topics) {
    ListOffsetsResponse::ListOffsetsTopicResponse answered;
    answered.name = topic.name;
    for (const Asked& asked : topic.partitions) {
      Answer answer;
      int& named = times[{topic.name.view(), asked.partition_index}];
      if (named == kAnswered) continue;
      if (named > 1) {
        named = kAnswered;
        answer.partition_index = asked.partition_index;
        answer.error_code = Code(ErrorCode::kInvalidRequest);
      } else {
        answer = co_await AnswerOne(context, request, topic.name.view(), asked);
      }
      answered.partitions.push_back(answer);
    }
    response.topics.push_back(std::move(answered));
  }
  co_return response;
}

}  // namespace dohle::server
