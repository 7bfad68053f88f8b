#include "broker/server/handlers/produce.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/replica/partition_registry.h"
#include "broker/server/error_mapping.h"
#include "broker/server/leader_hint.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "broker/server/topic_metrics.h"
#include "broker/storage/batch_validator.h"
#include "lib/base/log.h"
#include "lib/env/env.h"
#include "lib/kafka/messages/produce_request.h"
#include "lib/kafka/messages/produce_response.h"
#include "lib/kafka/record_batch.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;
using kafka::ProduceRequest;
using kafka::ProduceResponse;
using storage::AppendRejection;
using storage::ValidationError;
using Asked = ProduceRequest::PartitionProduceData;
using Answer = ProduceResponse::PartitionProduceResponse;

constexpr int16_t kFirstVersionWithTopicIds = 13;
constexpr int16_t kFirstVersionWithLeaderHints = 10;
constexpr int16_t kAcksAll = -1;
constexpr int16_t kNoAcks = 0;

// A partition whose records have been appended and wait to be committed.
struct Pending {
  std::shared_ptr<replica::Partition> partition;
  Offset end;
  LeaderEpoch leader_epoch;
  size_t topic;  // place in the response
  size_t index;
};

ErrorCode ErrorOf(ValidationError error) {
  switch (error) {
    case ValidationError::kNone:
      return ErrorCode::kNone;
    case ValidationError::kCorruptMessage:
      return ErrorCode::kCorruptMessage;
    case ValidationError::kInvalidRecord:
      return ErrorCode::kInvalidRecord;
    case ValidationError::kMessageTooLarge:
      return ErrorCode::kMessageTooLarge;
    case ValidationError::kInvalidTimestamp:
      return ErrorCode::kInvalidTimestamp;
    case ValidationError::kUnsupportedCompressionType:
      return ErrorCode::kUnsupportedCompressionType;
    case ValidationError::kUnknownServerError:
      return ErrorCode::kUnknownServerError;
  }
  return ErrorCode::kUnknownServerError;
}

ErrorCode ErrorOf(AppendRejection rejection) {
  switch (rejection) {
    case AppendRejection::kNone:
      return ErrorCode::kNone;
    case AppendRejection::kOutOfOrderSequenceNumber:
      return ErrorCode::kOutOfOrderSequenceNumber;
    case AppendRejection::kInvalidProducerEpoch:
      return ErrorCode::kInvalidProducerEpoch;
    case AppendRejection::kInvalidTxnState:
      return ErrorCode::kInvalidTxnState;
    case AppendRejection::kTransactionCoordinatorFenced:
      return ErrorCode::kTransactionCoordinatorFenced;
    case AppendRejection::kRecordListTooLarge:
      return ErrorCode::kRecordListTooLarge;
  }
  return ErrorCode::kUnknownServerError;
}

void Refuse(ErrorCode error, std::string message, Answer* answer) {
  answer->error_code = Code(error);
  answer->base_offset = -1;
  if (!message.empty()) answer->error_message = kafka::Text(std::move(message));
}

void RefuseRecords(storage::ValidationResult& invalid, Answer* answer) {
  for (storage::RecordError& record : invalid.record_errors) {
    ProduceResponse::BatchIndexAndErrorMessage error;
    error.batch_index = record.batch_index;
    error.batch_index_error_message = kafka::Text(std::move(record.message));
    answer->record_errors.push_back(std::move(error));
  }
  Refuse(ErrorOf(invalid.error), invalid.message_is_answered ? std::move(invalid.message) : "", answer);
}

// What Kafka counts of one partition's part. These refusals are everyday life, and no failed requests.
bool CountsAsFailed(ErrorCode error) {
  return error != ErrorCode::kNone && error != ErrorCode::kNotLeaderOrFollower &&
         error != ErrorCode::kCorruptMessage && error != ErrorCode::kMessageTooLarge &&
         error != ErrorCode::kRecordListTooLarge && error != ErrorCode::kKafkaStorageError;
}

void CountRefusal(const Services& services, const TopicMetrics& topic, const Answer& answer,
                  std::string_view bytes) {
  const ErrorCode error = kafka::ErrorFromCode(answer.error_code);
  if (CountsAsFailed(error)) topic.FailedProduceRequest();
  if (error == ErrorCode::kMessageTooLarge || error == ErrorCode::kRecordListTooLarge) {
    topic.BytesRejected(bytes.size());
  }
  if (error == ErrorCode::kOutOfOrderSequenceNumber) {
    services.metrics.invalid_offset_or_sequence_records.Increment();
  }
}

void CountInvalidRecords(const ServerMetrics& metrics, const storage::ValidationResult& invalid) {
  if (invalid.unknown_magic) {
    metrics.invalid_magic_records.Increment();
  } else if (invalid.error == ValidationError::kCorruptMessage) {
    metrics.invalid_crc_records.Increment();
  }
  metrics.no_key_compacted_records.Increment(static_cast<uint64_t>(invalid.records_without_key));
}

// What AppendOne did, as far as it isn't in the answer.
struct AppendedTo {
  Offset end = kNoOffset;  // of what is to be committed; kNoOffset: nothing
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
};

// Appends the records of one partition.
env::Task<Answer> AppendOne(RequestContext& context, std::shared_ptr<replica::Partition> partition,
                            const Asked& asked, bool acks_all, AppendedTo* to) {
  Answer answer;
  answer.index = asked.index;
  answer.base_offset = -1;
  replica::AppendOptions options;
  options.now_ms = context.services.env.clock.WallTimeMs();
  options.acks_all = acks_all;
  const TopicMetrics& topic = context.services.topic_metrics.Of(*partition);
  topic.ProduceRequest();
  const std::string_view bytes = asked.records ? asked.records->contiguous() : std::string_view();
  storage::ValidationResult valid = storage::ValidateProduced(
      context.Writable(bytes), *partition->config(), context.api_version, options.now_ms, partition->name());
  if (!valid.ok()) {
    log::Debug("server", "records of {} for {} are refused: {}", context.connection.client_host,
               ToString(partition->name()), valid.message);
    if (valid.log_start_is_answered) {
      answer.log_start_offset = (co_await partition->Summarize()).log_start_offset.value();
    }
    CountInvalidRecords(context.services.metrics, valid);
    RefuseRecords(valid, &answer);
    CountRefusal(context.services, topic, answer, bytes);
    co_return answer;
  }
  auto appended = co_await partition->Append(valid.batch, options);
  if (!appended.ok()) {
    Refuse(PartitionError(appended.status()), "", &answer);
    CountRefusal(context.services, topic, answer, bytes);
    co_return answer;
  }
  replica::Appended& result = *appended;
  if (result.rejection != AppendRejection::kNone) {
    log::Info("server", "records of {} for {} are refused: {}", context.connection.client_host,
              ToString(partition->name()), result.rejection_reason);
    // Kafka doesn't tell the client its reason, but where the log begins.
    answer.log_start_offset = result.log_start_offset.value();
    Refuse(ErrorOf(result.rejection), "", &answer);
    CountRefusal(context.services, topic, answer, bytes);
    co_return answer;
  }
  answer.base_offset = result.first_offset.value();
  answer.log_append_time_ms = result.log_append_time_ms;
  answer.log_start_offset = result.log_start_offset.value();
  const Offset end = result.last_offset + 1;
  if (!result.committed) *to = {end, result.leader_epoch};
  if (!result.duplicate) {
    topic.BytesIn(result.bytes);
    topic.MessagesIn(static_cast<uint64_t>(end - result.first_offset));
  }
  co_return answer;
}

env::Task<void> WaitUntilCommitted(RequestContext& context, const ProduceRequest& request,
                                   const std::vector<Pending>& pending, ProduceResponse* response) {
  if (pending.empty()) co_return;
  const env::Clock& clock = context.services.env.clock;
  const env::MonotonicTime began = clock.Now();
  for (const Pending& one : pending) {
    const absl::Duration spent = clock.Now() - context.received_at;
    const absl::Duration left = absl::Milliseconds(request.timeout_ms) - spent;
    Status committed = co_await one.partition->WaitUntilCommitted(one.end, one.leader_epoch, left);
    if (committed.ok()) continue;
    if (absl::IsDeadlineExceeded(committed)) context.services.metrics.expired_produces.Increment();
    // Where the records are is said all the same, as Kafka does.
    Answer& answer = response->responses[one.topic].partition_responses[one.index];
    answer.error_code = Code(PartitionError(committed));
  }
  context.remote_us = absl::ToInt64Microseconds(clock.Now() - began);
}

// Tells whom to ask instead.
void AddLeaderHints(const RequestContext& context, const ProduceRequest& request, ProduceResponse* response) {
  const bool by_id = context.api_version >= kFirstVersionWithTopicIds;
  metadata::ImagePtr image;
  for (size_t i = 0; i < response->responses.size(); ++i) {
    const metadata::TopicImage* topic = nullptr;
    for (Answer& answer : response->responses[i].partition_responses) {
      if (answer.error_code != Code(ErrorCode::kNotLeaderOrFollower)) continue;
      if (image == nullptr) image = context.services.metadata.Current();
      const auto& asked = request.topic_data[i];
      if (topic == nullptr) {
        topic = by_id ? image->topics.Find(asked.topic_id) : image->topics.Find(asked.name.view());
      }
      const auto* known = topic == nullptr ? nullptr : topic->Partition(PartitionIndex(answer.index));
      if (known == nullptr) continue;
      answer.current_leader.leader_id = known->leader.value();
      answer.current_leader.leader_epoch = known->leader_epoch.value();
      AddNodeEndpoint(*image, context.connection.listener_name, known->leader, &response->node_endpoints);
    }
  }
}

// Every partition is refused alike.
ProduceResponse RefuseAll(RequestContext& context, const ProduceRequest& request, ErrorCode error,
                          std::string_view message) {
  ProduceResponse response;
  for (const auto& topic : request.topic_data) {
    ProduceResponse::TopicProduceResponse refused;
    refused.name = topic.name;
    refused.topic_id = topic.topic_id;
    for (const Asked& asked : topic.partition_data) {
      Answer answer;
      answer.index = asked.index;
      Refuse(error, std::string(message), &answer);
      refused.partition_responses.push_back(std::move(answer));
    }
    response.responses.push_back(std::move(refused));
  }
  if (request.acks == kNoAcks) {
    context.Unanswered();
    context.CloseConnection();
  }
  return response;
}

bool HasTransactionalRecords(const ProduceRequest& request) {
  for (const auto& topic : request.topic_data) {
    for (const Asked& asked : topic.partition_data) {
      if (!asked.records) continue;
      const auto batch = kafka::RecordBatchView::Parse(asked.records->contiguous());
      if (batch.ok() && batch->is_transactional()) return true;
    }
  }
  return false;
}

bool AnyFailed(const ProduceResponse& response) {
  for (const auto& topic : response.responses) {
    for (const Answer& answer : topic.partition_responses) {
      if (answer.error_code != 0) return true;
    }
  }
  return false;
}

}  // namespace

env::Task<ProduceResponse> ProduceHandler::Handle(RequestContext& context, const ProduceRequest& request) {
  if (request.acks < kAcksAll || request.acks > 1) {
    co_return RefuseAll(context, request, ErrorCode::kInvalidRequiredAcks, "");
  }
  if (HasTransactionalRecords(request)) {
    // No transaction can be open where none can be begun.
    if (!request.transactional_id) {
      co_return RefuseAll(context, request, ErrorCode::kTransactionalIdAuthorizationFailed, "");
    }
    co_return RefuseAll(context, request, ErrorCode::kInvalidTxnState,
                        "This broker doesn't serve transactions");
  }
  ProduceResponse response;
  const bool by_id = context.api_version >= kFirstVersionWithTopicIds;
  std::vector<Pending> pending;
  for (const auto& topic : request.topic_data) {
    ProduceResponse::TopicProduceResponse answered;
    answered.name = topic.name;
    answered.topic_id = topic.topic_id;
    answered.partition_responses.reserve(topic.partition_data.size());
    for (const Asked& asked : topic.partition_data) {
      const PartitionIndex index(asked.index);
      auto partition = by_id ? context.services.partitions.Find(topic.topic_id, index)
                             : context.services.partitions.Find(topic.name.view(), index);
      Answer answer;
      AppendedTo to;
      if (partition == nullptr) {
        answer.index = asked.index;
        Refuse(by_id ? MissingPartitionError(context.services, topic.topic_id, index)
                     : MissingPartitionError(context.services, topic.name.view(), index),
               "", &answer);
      } else {
        answer = co_await AppendOne(context, partition, asked, request.acks == kAcksAll, &to);
      }
      if (to.end != kNoOffset && request.acks == kAcksAll) {
        pending.push_back({partition, to.end, to.leader_epoch, response.responses.size(),
                           answered.partition_responses.size()});
      }
      answered.partition_responses.push_back(std::move(answer));
    }
    response.responses.push_back(std::move(answered));
  }
  context.AllowNext();
  if (request.acks == kNoAcks) {
    context.Unanswered();
    // The only way in which a producer that wants no answer can learn of a failure.
    if (AnyFailed(response)) context.CloseConnection();
    co_return response;
  }
  co_await WaitUntilCommitted(context, request, pending, &response);
  if (context.api_version >= kFirstVersionWithLeaderHints) AddLeaderHints(context, request, &response);
  co_return response;
}

}  // namespace dohle::server
