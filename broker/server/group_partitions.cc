#include "broker/server/group_partitions.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "broker/coordinator/group_coordinator.h"
#include "broker/replica/partition_registry.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/topic_metrics.h"
#include "lib/kafka/record_batch.h"

namespace dohle::server {
namespace {

Status NoLongerHere() {
  return MakeStatus(StatusCode::kFailedPrecondition, "the partition of {} isn't led here",
                    kConsumerOffsetsTopic);
}

}  // namespace

env::Task<StatusOr<Offset>> GroupPartitionLog::Append(PartitionIndex index, std::string batch) {
  const auto partition = partitions_.Find(kConsumerOffsetsTopic, index);
  if (partition == nullptr) co_return NoLongerHere();
  if (batch.size() > static_cast<size_t>(partition->config()->max_message_bytes)) {
    co_return MakeStatus(StatusCode::kResourceExhausted, "{} bytes are more than max.message.bytes",
                         batch.size());
  }
  replica::AppendOptions options;
  options.origin = storage::AppendOrigin::kCoordinator;
  options.now_ms = clock_.WallTimeMs();
  options.acks_all = true;
  const std::span<char> bytes(batch.data(), batch.size());
  auto appended = co_await partition->Append(bytes, options);
  if (!appended.ok()) {
    if (absl::IsUnavailable(appended.status())) co_return appended.status();
    // A full disk is no matter of the batch's size.
    co_return MakeStatus(StatusCode::kFailedPrecondition, "{}", Message(appended.status()));
  }
  const TopicMetrics& topic = metrics_.Of(*partition);
  topic.BytesIn(appended->bytes);
  topic.MessagesIn(static_cast<uint64_t>(appended->last_offset - appended->first_offset + 1));
  if (!appended->committed) {
    Status committed = co_await partition->WaitUntilCommitted(
        appended->last_offset + 1, appended->leader_epoch, absl::InfiniteDuration());
    // Fewer replicas than asked for have it; no less is it committed.
    if (!committed.ok() && !absl::IsAborted(committed)) co_return committed;
  }
  co_return appended->first_offset;
}

size_t GroupPartitionLog::MaxBatchBytes(PartitionIndex index) const {
  const auto partition = partitions_.Find(kConsumerOffsetsTopic, index);
  return partition == nullptr ? 0 : static_cast<size_t>(partition->config()->max_message_bytes);
}

env::Task<StatusOr<coordinator::PartitionLog::Chunk>> GroupPartitionLog::Read(PartitionIndex index,
                                                                              Offset from, size_t max_bytes) {
  const auto partition = partitions_.Find(kConsumerOffsetsTopic, index);
  if (partition == nullptr) co_return NoLongerHere();
  env::FileSlice slice;
  Offset end;
  auto look = [&](storage::Log& log, Offset) -> Status {
    storage::ReadOptions read;
    read.offset = std::max(from, log.log_start_offset());
    read.max_bytes = max_bytes;
    read.upper_bound = log.log_end_offset();
    DOHLE_ASSIGN_OR_RETURN(storage::ReadResult result, log.Read(read));
    slice = std::move(result.records);
    end = log.log_end_offset();
    return OkStatus();
  };
  Status looked = co_await partition->WithLog(look);
  if (!looked.ok()) co_return looked;
  Chunk chunk;
  chunk.next_offset = std::max(from, end);
  chunk.at_end = slice.length == 0;
  if (chunk.at_end) co_return chunk;
  chunk.batches.resize(slice.length);
  auto read_bytes = [&] {
    return slice.file->ReadAt(slice.position, chunk.batches.data(), chunk.batches.size());
  };
  StatusOr<size_t> got = co_await env::RunBlocking<StatusOr<size_t>>(pool_, read_bytes);
  if (!got.ok()) co_return got.status();
  chunk.batches.resize(*got);
  // The last batch may be cut by max_bytes.
  kafka::BatchCursor cursor(chunk.batches);
  size_t whole = 0;
  while (auto batch = cursor.Next()) {
    chunk.next_offset = batch->next_offset();
    whole += batch->size();
  }
  if (!cursor.status().ok()) co_return MakeStatus(StatusCode::kDataLoss, "{}", Message(cursor.status()));
  chunk.batches.resize(whole);
  chunk.at_end = chunk.next_offset >= end;
  co_return chunk;
}

std::optional<coordinator::TopicLookup::Topic> ImageTopicLookup::Find(std::string_view name) const {
  const metadata::ImagePtr image = metadata_.Current();
  const metadata::TopicImage* topic = image->topics.Find(name);
  if (topic == nullptr) return std::nullopt;
  return Topic{topic->id, topic->partition_count()};
}

std::optional<std::string> ImageTopicLookup::NameOf(const Uuid& id) const {
  const metadata::ImagePtr image = metadata_.Current();
  const metadata::TopicImage* topic = image->topics.Find(id);
  if (topic == nullptr) return std::nullopt;
  return topic->name;
}

env::Task<void> GroupPublisher::Publish(const metadata::MetadataUpdate& update) {
  const metadata::TopicImage* after = update.after->topics.Find(kConsumerOffsetsTopic);
  const metadata::TopicImage* before = update.before->topics.Find(kConsumerOffsetsTopic);
  const bool led_before = life_.begun();
  const bool begins = life_.Begins(*update.after);
  const auto leads = [&](const metadata::TopicImage* topic,
                         PartitionIndex index) -> std::optional<LeaderEpoch> {
    const auto* registration = topic == nullptr ? nullptr : topic->Partition(index);
    if (registration == nullptr || registration->leader != node_id_) return std::nullopt;
    return registration->leader_epoch;
  };
  const int32_t count = std::max(after == nullptr ? 0 : after->partition_count(),
                                 before == nullptr ? 0 : before->partition_count());
  const bool touched = update.changes.everything || begins ||
                       (after != nullptr && update.changes.partitions.contains(after->id)) ||
                       (before != nullptr && update.changes.deleted_topics.contains(before->id));
  for (PartitionIndex index(0); touched && index < PartitionIndex(count); ++index) {
    const auto was = led_before ? leads(before, index) : std::nullopt;
    const auto is = life_.begun() ? leads(after, index) : std::nullopt;
    if (is && was != is) groups_.OnElected(index, *is);
    if (!is && was) groups_.OnResigned(index, *was);
  }
  std::vector<coordinator::DeletedTopic> deleted;
  for (const auto& [id, name] : update.changes.deleted_topics) deleted.push_back({id, name});
  if (update.changes.everything) {
    for (const auto& [id, topic] : update.before->topics.by_id) {
      if (update.after->topics.Find(id) == nullptr) deleted.push_back({id, topic.name});
    }
  }
  if (!deleted.empty()) groups_.OnTopicsDeleted(std::move(deleted));
  co_return;
}

}  // namespace dohle::server
