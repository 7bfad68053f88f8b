#include "lib/kafka/client/one_record.h"

#include <optional>
#include <string_view>
#include <utility>

#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/produce_request.h"
#include "lib/kafka/messages/produce_response.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::kafka::client {
namespace {

constexpr VersionRange kProduceVersions{7, 9};  // by topic name
constexpr VersionRange kFetchVersions{7, 12};   // by topic name
constexpr int32_t kMostBytes = 64 << 10;

Status Omitted() {
  return MakeStatus(StatusCode::kUnavailable, "the broker's answer leaves the partition out");
}

StatusOr<std::string> ValueAt(std::string_view bytes, int64_t offset) {
  BatchCursor cursor(bytes);
  while (const auto batch = cursor.Next()) {
    DOHLE_RETURN_IF_ERROR(CheckCrc(*batch));
    DOHLE_ASSIGN_OR_RETURN(RecordReader reader, RecordReader::Open(*batch, kMostBytes));
    Record record;
    while (reader.Next(&record)) {
      if (record.offset.value() == offset) return std::string(record.value.value_or(""));
    }
    DOHLE_RETURN_IF_ERROR(reader.status());
  }
  DOHLE_RETURN_IF_ERROR(cursor.status());
  return MakeStatus(StatusCode::kNotFound, "no record can be read at offset {}", offset);
}

}  // namespace

env::Task<StatusOr<int64_t>> ProduceOne(ClusterClient& client, NodeId leader, TopicPartition partition,
                                        std::string value, int64_t timestamp_ms, int32_t timeout_ms) {
  RecordBatchBuilder builder{BatchOptions()};
  builder.Append(timestamp_ms, std::nullopt, std::string_view(value));
  StatusOr<std::string> batch = builder.Build();
  if (!batch.ok()) co_return batch.status();
  ProduceRequest request;
  request.transactional_id.reset();
  request.acks = -1;
  request.timeout_ms = timeout_ms;
  auto& topic = request.topic_data.emplace_back();
  topic.name = partition.topic;
  auto& data = topic.partition_data.emplace_back();
  data.index = partition.partition.value();
  data.records.emplace(*std::move(batch));
  auto answer =
      co_await client.Call<ProduceResponse>(Route::Broker(leader), std::move(request), kProduceVersions);
  if (!answer.ok()) co_return answer.status();
  const ProduceResponse& message = answer->message;
  if (message.responses.empty() || message.responses[0].partition_responses.empty()) co_return Omitted();
  const auto& result = message.responses[0].partition_responses[0];
  const Status status = StatusFromKafka(result.error_code);
  if (!status.ok()) co_return status;
  co_return result.base_offset;
}

env::Task<StatusOr<std::string>> FetchOne(ClusterClient& client, NodeId leader, TopicPartition partition,
                                          int64_t offset, int32_t timeout_ms) {
  FetchRequest request;
  request.max_wait_ms = timeout_ms;
  request.min_bytes = 1;
  request.max_bytes = kMostBytes;
  auto& topic = request.topics.emplace_back();
  topic.topic = partition.topic;
  auto& wanted = topic.partitions.emplace_back();
  wanted.partition = partition.partition.value();
  wanted.fetch_offset = offset;
  wanted.partition_max_bytes = kMostBytes;
  auto answer =
      co_await client.Call<FetchResponse>(Route::Broker(leader), std::move(request), kFetchVersions);
  if (!answer.ok()) co_return answer.status();
  Status status = StatusFromKafka(answer->message.error_code);
  if (!status.ok()) co_return status;
  if (answer->message.responses.empty() || answer->message.responses[0].partitions.empty())
    co_return Omitted();
  const auto& data = answer->message.responses[0].partitions[0];
  status = StatusFromKafka(data.error_code);
  if (!status.ok()) co_return status;
  co_return ValueAt(data.records ? data.records->contiguous() : std::string_view(), offset);
}

}  // namespace dohle::kafka::client
