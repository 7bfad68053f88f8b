#include "tests/sim/consumer.h"

#include <fmt/format.h>

#include <utility>

#include "lib/kafka/codec.h"
#include "lib/kafka/messages/consumer_protocol_assignment.h"
#include "lib/kafka/messages/consumer_protocol_subscription.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/find_coordinator_request.h"
#include "lib/kafka/messages/find_coordinator_response.h"
#include "lib/kafka/messages/heartbeat_request.h"
#include "lib/kafka/messages/heartbeat_response.h"
#include "lib/kafka/messages/join_group_request.h"
#include "lib/kafka/messages/join_group_response.h"
#include "lib/kafka/messages/leave_group_request.h"
#include "lib/kafka/messages/leave_group_response.h"
#include "lib/kafka/messages/offset_commit_request.h"
#include "lib/kafka/messages/offset_commit_response.h"
#include "lib/kafka/messages/offset_fetch_request.h"
#include "lib/kafka/messages/offset_fetch_response.h"
#include "lib/kafka/messages/sync_group_request.h"
#include "lib/kafka/messages/sync_group_response.h"
#include "lib/kafka/record.h"

namespace dohle::sim {
namespace {

using kafka::ErrorCode;

constexpr int16_t kFetchVersion = 12;
constexpr int16_t kOffsetFetchVersion = 9;
constexpr int16_t kOffsetCommitVersion = 9;
constexpr int16_t kJoinVersion = 9;
constexpr int16_t kSyncVersion = 5;
constexpr int16_t kHeartbeatVersion = 4;
constexpr int16_t kLeaveVersion = 5;
constexpr std::string_view kProtocol = "dealt";
constexpr int32_t kPollMs = 400;
const absl::Duration kBeatEvery = absl::Seconds(1);

kafka::FetchRequest RequestFrom(const TopicPartition& where, int64_t offset, int32_t wait_ms) {
  kafka::FetchRequest request;
  request.max_wait_ms = wait_ms;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  auto& topic = request.topics.emplace_back();
  topic.topic = kafka::Text::Copy(where.topic);
  auto& partition = topic.partitions.emplace_back();
  partition.partition = where.partition.value();
  partition.fetch_offset = offset;
  partition.partition_max_bytes = 64 << 10;
  return request;
}

Status Decode(std::string_view bytes, int64_t from, MonotonicTime now, std::vector<ReadRecord>* records) {
  kafka::BatchCursor cursor(bytes);
  while (const auto batch = cursor.Next()) {
    DOHLE_RETURN_IF_ERROR(kafka::CheckCrc(*batch));
    DOHLE_ASSIGN_OR_RETURN(kafka::RecordReader reader, kafka::RecordReader::Open(*batch, 1 << 20));
    kafka::Record record;
    while (reader.Next(&record)) {
      if (record.offset.value() < from) continue;
      records->push_back({record.offset.value(), std::string(record.value.value_or("")), now});
    }
    DOHLE_RETURN_IF_ERROR(reader.status());
  }
  return cursor.status();
}

}  // namespace

env::Task<StatusOr<Fetched>> FetchFrom(Client* client, TopicPartition partition, int64_t offset,
                                       int32_t wait_ms) {
  const MonotonicTime asked_at = client->now();
  kafka::FetchRequest request = RequestFrom(partition, offset, wait_ms);
  auto answer = co_await client->Call<kafka::FetchResponse>(Whom::LeaderOf(partition), std::move(request),
                                                            kFetchVersion);
  if (!answer.ok()) co_return answer.status();
  Fetched fetched;
  fetched.error = answer->message.error_code;
  if (fetched.error != 0) co_return fetched;
  const auto& data = answer->message.responses.at(0).partitions.at(0);
  fetched.error = data.error_code;
  if (fetched.error != 0) client->Forget(Whom::LeaderOf(partition));
  fetched.high_watermark = data.high_watermark;
  fetched.log_start_offset = data.log_start_offset;
  const std::string_view bytes = data.records ? data.records->contiguous() : std::string_view();
  Status decoded = Decode(bytes, offset, asked_at, &fetched.records);
  if (!decoded.ok()) co_return MakeStatus(StatusCode::kDataLoss, "{}", Message(decoded));
  co_return fetched;
}

env::Task<bool> FindCoordinator(Client* client, std::string group) {
  kafka::FindCoordinatorRequest request;
  request.coordinator_keys.push_back(kafka::Text::Copy(group));
  auto answer = co_await client->Call<kafka::FindCoordinatorResponse>(Whom::Any(), std::move(request), 4);
  co_return answer.ok() && answer->message.coordinators.at(0).error_code == 0;
}

env::Task<StatusOr<int64_t>> FetchCommitted(Client* client, std::string group, TopicPartition partition) {
  kafka::OffsetFetchRequest request;
  auto& of_group = request.groups.emplace_back();
  of_group.group_id = kafka::Text::Copy(group);
  auto& topic = of_group.topics->emplace_back();
  topic.name = kafka::Text::Copy(partition.topic);
  topic.partition_indexes = {partition.partition.value()};
  auto answer = co_await client->Call<kafka::OffsetFetchResponse>(Whom::CoordinatorOf(group),
                                                                  std::move(request), kOffsetFetchVersion);
  if (!answer.ok()) co_return answer.status();
  const auto& result = answer->message.groups.at(0);
  int16_t error = result.error_code;
  if (error == 0) error = result.topics.at(0).partitions.at(0).error_code;
  if (error != 0) {
    client->Forget(Whom::CoordinatorOf(group));
    co_return MakeStatus(StatusCode::kUnavailable, "{}", kafka::Name(kafka::ErrorFromCode(error)));
  }
  co_return result.topics.at(0).partitions.at(0).committed_offset;
}

Consumer::Consumer(env::Env& env, std::vector<env::Endpoint> brokers, History& history, Control& control,
                   ConsumerOptions options)
    : env_(env),
      client_(env, std::move(brokers), fmt::format("consumer-{}", options.number)),
      history_(history),
      control_(control),
      options_(std::move(options)),
      coordinator_(Whom::CoordinatorOf(options_.group)) {}

env::Task<void> Consumer::Run() {
  ++control_.running;
  while (!control_.stopping) {
    bool going = co_await Join();
    if (going) going = co_await StartFromCommitted();
    while (going && !control_.stopping) going = co_await Consume();
    client_.Forget(coordinator_);
    co_await env::Sleep(absl::Milliseconds(100 + static_cast<int64_t>(env_.random.Below(400))));
  }
  co_await Leave();
  client_.Disconnect();
  --control_.running;
}

env::Task<bool> Consumer::Join() {
  const bool found = co_await FindCoordinator(&client_, options_.group);
  if (!found) co_return false;
  kafka::ConsumerProtocolSubscription subscription;
  for (const TopicPartition& partition : options_.partitions)
    subscription.topics.push_back(kafka::Text::Copy(partition.topic));
  kafka::JoinGroupRequest request;
  request.group_id = kafka::Text::Copy(options_.group);
  request.session_timeout_ms = 6000;
  request.rebalance_timeout_ms = 3000;
  request.member_id = kafka::Text::Copy(member_id_);
  request.protocol_type = "consumer";
  request.protocols.push_back({kProtocol, kafka::Text(kafka::EncodeVersionPrefixed(subscription, 0))});
  auto answer =
      co_await client_.Call<kafka::JoinGroupResponse>(coordinator_, std::move(request), kJoinVersion);
  if (!answer.ok()) co_return false;
  const kafka::JoinGroupResponse& joined = answer->message;
  const ErrorCode error = kafka::ErrorFromCode(joined.error_code);
  if (error == ErrorCode::kMemberIdRequired) {
    member_id_ = std::string(joined.member_id.view());
    co_return co_await Join();
  }
  if (error == ErrorCode::kUnknownMemberId) member_id_.clear();
  if (error != ErrorCode::kNone) co_return false;
  member_id_ = std::string(joined.member_id.view());
  generation_ = joined.generation_id;
  std::vector<std::string> members;
  for (const auto& member : joined.members) members.emplace_back(member.member_id.view());
  co_return co_await Sync(std::move(members));
}

env::Task<bool> Consumer::Sync(std::vector<std::string> members) {
  kafka::SyncGroupRequest request;
  request.group_id = kafka::Text::Copy(options_.group);
  request.generation_id = generation_;
  request.member_id = kafka::Text::Copy(member_id_);
  request.protocol_type = "consumer";
  request.protocol_name = kProtocol;
  for (size_t m = 0; m < members.size(); ++m) {
    kafka::ConsumerProtocolAssignment assignment;
    for (size_t p = m; p < options_.partitions.size(); p += members.size()) {
      auto& assigned = assignment.assigned_partitions.emplace_back();
      assigned.topic = kafka::Text::Copy(options_.partitions[p].topic);
      assigned.partitions = {options_.partitions[p].partition.value()};
    }
    auto& one = request.assignments.emplace_back();
    one.member_id = kafka::Text::Copy(members[m]);
    one.assignment = kafka::Text(kafka::EncodeVersionPrefixed(assignment, 0));
  }
  auto answer =
      co_await client_.Call<kafka::SyncGroupResponse>(coordinator_, std::move(request), kSyncVersion);
  if (!answer.ok() || answer->message.error_code != 0) co_return false;
  kafka::ConsumerProtocolAssignment assignment;
  if (!kafka::DecodeVersionPrefixed(answer->message.assignment.view(), &assignment).ok()) co_return false;
  positions_.clear();
  for (const auto& topic : assignment.assigned_partitions) {
    for (const int32_t index : topic.partitions)
      positions_[{std::string(topic.topic.view()), PartitionIndex(index)}] = 0;
  }
  co_return true;
}

env::Task<bool> Consumer::StartFromCommitted() {
  const std::map<TopicPartition, int64_t> assigned = positions_;
  for (const auto& [partition, unused] : assigned) {
    const MonotonicTime asked_at = client_.now();
    auto committed = co_await FetchCommitted(&client_, options_.group, partition);
    if (!committed.ok()) co_return false;
    history_.SawCommitted({options_.group, partition}, *committed, asked_at, client_.now());
    positions_[partition] = std::max<int64_t>(0, *committed);
  }
  co_return true;
}

env::Task<bool> Consumer::Consume() {
  const std::map<TopicPartition, int64_t> assigned = positions_;
  for (const auto& [partition, unused] : assigned) {
    const bool read = co_await Read(partition);
    if (!read) co_return false;
  }
  if (env_.random.Below(6) == 0) {
    const bool committed = co_await Commit();
    if (!committed) co_return false;
  }
  if (env_.random.Below(60) == 0) {
    co_await Leave();
    co_return false;
  }
  if (client_.now() - last_beat_ < kBeatEvery) co_return true;
  last_beat_ = client_.now();
  co_return co_await Beat();
}

env::Task<bool> Consumer::Read(TopicPartition partition) {
  const int64_t position = positions_[partition];
  auto fetched = co_await FetchFrom(&client_, partition, position, kPollMs);
  if (!fetched.ok()) {
    if (absl::IsDataLoss(fetched.status()) && !history_.DiskMayLie(client_.now())) {
      history_.Violation(fmt::format("{} at {}: fetched what is no batch: {}", ToString(partition), position,
                                     Message(fetched.status())));
    }
    co_return false;
  }
  if (kafka::ErrorFromCode(fetched->error) == ErrorCode::kOffsetOutOfRange) {
    // Nothing but a loss of power takes from a log what was read or committed.
    if (history_.Promised(partition.topic, MonotonicTime()) &&
        history_.Promised("__consumer_offsets", MonotonicTime()) && !history_.DiskMayLie(client_.now())) {
      history_.Violation(fmt::format("{}: at {:.3f} s offset {} is out of range", ToString(partition),
                                     static_cast<double>(client_.now().nanoseconds()) * 1e-9, position));
    }
    positions_[partition] = 0;
  }
  if (fetched->error != 0) co_return kafka::ErrorFromCode(fetched->error) == ErrorCode::kOffsetOutOfRange;
  if (history_.DiskMayLie(client_.now())) co_return true;  // and once more later
  int64_t next = position;
  for (const ReadRecord& record : fetched->records) {
    if (record.offset != next) {
      history_.Violation(
          fmt::format("{}: offset {} was read where {} was due", ToString(partition), record.offset, next));
    }
    next = record.offset + 1;
    history_.Read(partition, record.offset, record.value, record.at);
  }
  positions_[partition] = next;
  co_return true;
}

env::Task<bool> Consumer::Commit() {
  const MonotonicTime sent_at = client_.now();
  kafka::OffsetCommitRequest request;
  request.group_id = kafka::Text::Copy(options_.group);
  request.generation_id_or_member_epoch = generation_;
  request.member_id = kafka::Text::Copy(member_id_);
  const std::map<TopicPartition, int64_t> committing = positions_;
  for (const auto& [partition, position] : committing) {
    auto& topic = request.topics.emplace_back();
    topic.name = kafka::Text::Copy(partition.topic);
    auto& one = topic.partitions.emplace_back();
    one.partition_index = partition.partition.value();
    one.committed_offset = position;
  }
  auto answer = co_await client_.Call<kafka::OffsetCommitResponse>(coordinator_, std::move(request),
                                                                   kOffsetCommitVersion);
  if (!answer.ok()) co_return false;
  bool all = true;
  for (const auto& topic : answer->message.topics) {
    for (const auto& one : topic.partitions) {
      const TopicPartition partition{std::string(topic.name.view()), PartitionIndex(one.partition_index)};
      if (one.error_code != 0) {
        all = false;
      } else {
        history_.Committed({options_.group, partition}, committing.at(partition), sent_at, client_.now());
      }
    }
  }
  co_return all;
}

env::Task<bool> Consumer::Beat() {
  kafka::HeartbeatRequest request;
  request.group_id = kafka::Text::Copy(options_.group);
  request.generation_id = generation_;
  request.member_id = kafka::Text::Copy(member_id_);
  auto answer =
      co_await client_.Call<kafka::HeartbeatResponse>(coordinator_, std::move(request), kHeartbeatVersion);
  if (!answer.ok()) co_return false;
  if (kafka::ErrorFromCode(answer->message.error_code) == ErrorCode::kUnknownMemberId) member_id_.clear();
  co_return answer->message.error_code == 0;
}

env::Task<void> Consumer::Leave() {
  kafka::LeaveGroupRequest request;
  request.group_id = kafka::Text::Copy(options_.group);
  request.members.emplace_back().member_id = kafka::Text::Copy(std::exchange(member_id_, {}));
  (void)co_await client_.Call<kafka::LeaveGroupResponse>(coordinator_, std::move(request), kLeaveVersion);
}

}  // namespace dohle::sim
