#include "broker/server/handlers/fetch.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "broker/replica/fetch_waiter.h"
#include "broker/replica/partition_registry.h"
#include "broker/server/error_mapping.h"
#include "broker/server/fetch_session.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "broker/server/topic_metrics.h"
#include "lib/env/env.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"

namespace dohle::server {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;
using replica::FetchedPartition;
using replica::FetchProblem;

constexpr int16_t kFirstVersionWithTopicIds = 13;
constexpr int8_t kReadCommitted = 1;

// One partition on its way through a fetch.
struct Item {
  FetchPartitionRequest request;
  std::shared_ptr<replica::Partition> partition;
  ErrorCode error = ErrorCode::kNone;
  FetchedPartition fetched;
};

// Whether and how the client's session takes part (KIP-227, FetchManager of Kafka).
struct SessionUse {
  std::shared_ptr<FetchSession> session;  // null: none
  bool incremental = false;               // the answer leaves out what hasn't changed
  ErrorCode error = ErrorCode::kNone;     // of the whole request
};

std::vector<FetchPartitionRequest> Requested(const FetchRequest& request) {
  std::vector<FetchPartitionRequest> requested;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      FetchPartitionRequest one;
      one.key = {std::string(topic.topic), topic.topic_id, PartitionIndex(partition.partition)};
      one.fetch_offset = Offset(partition.fetch_offset);
      one.current_leader_epoch = LeaderEpoch(partition.current_leader_epoch);
      one.last_fetched_epoch = LeaderEpoch(partition.last_fetched_epoch);
      one.max_bytes = partition.partition_max_bytes;
      requested.push_back(std::move(one));
    }
  }
  return requested;
}

env::Task<SessionUse> OpenSession(FetchSessionCache& cache, const FetchRequest& request,
                                  bool uses_topic_ids) {
  SessionUse use;
  if (request.session_epoch == kInitialFetchEpoch || request.session_epoch == kFinalFetchEpoch) {
    if (request.session_id != kNoFetchSession) co_await cache.Remove(request.session_id);
    if (request.session_epoch == kInitialFetchEpoch && !request.topics.empty()) {
      use.session = co_await cache.Create(uses_topic_ids);
    }
    co_return use;
  }
  use.session = co_await cache.Find(request.session_id);
  if (use.session == nullptr) {
    use.error = ErrorCode::kFetchSessionIdNotFound;
  } else {
    use.incremental = true;
  }
  co_return use;
}

// Takes what the request says into the session and gives the partitions to fetch.
env::Task<std::vector<FetchPartitionRequest>> ThroughSession(SessionUse& use, const FetchRequest& request,
                                                             bool uses_topic_ids) {
  std::vector<FetchPartitionRequest> requested = Requested(request);
  if (use.session == nullptr) co_return requested;
  env::LaneGuard in_lane = co_await use.session->lane.Enter();
  if (use.incremental) {
    if (use.session->uses_topic_ids() != uses_topic_ids) {
      use.error = ErrorCode::kFetchSessionTopicIdError;
      co_return std::vector<FetchPartitionRequest>();
    }
    if (use.session->epoch() != request.session_epoch) {
      use.error = ErrorCode::kInvalidFetchSessionEpoch;
      co_return std::vector<FetchPartitionRequest>();
    }
    use.session->AdvanceEpoch();
    for (const auto& topic : request.forgotten_topics_data) {
      for (const int32_t partition : topic.partitions) {
        const FetchPartitionKey key{std::string(topic.topic), topic.topic_id, PartitionIndex(partition)};
        use.session->Forget(key);
      }
    }
  }
  use.session->Update(std::move(requested));
  co_return use.session->Partitions();
}

std::vector<Item> Resolve(RequestContext& context, std::vector<FetchPartitionRequest> requested,
                          bool uses_topic_ids) {
  std::vector<Item> items;
  items.reserve(requested.size());
  for (FetchPartitionRequest& one : requested) {
    Item item;
    const FetchPartitionKey& key = one.key;
    const replica::PartitionRegistry& partitions = context.services.partitions;
    item.partition = uses_topic_ids ? partitions.Find(key.topic_id, key.partition)
                                    : partitions.Find(key.topic, key.partition);
    if (item.partition == nullptr) {
      item.error = uses_topic_ids ? MissingPartitionError(context.services, key.topic_id, key.partition)
                                  : MissingPartitionError(context.services, key.topic, key.partition);
    }
    item.request = std::move(one);
    items.push_back(std::move(item));
  }
  return items;
}

// What the client is to leave out of a read-committed view; null in every other view.
void AddAborted(const FetchedPartition& fetched, FetchResponse::PartitionData* data) {
  data->aborted_transactions.emplace();
  for (const storage::AbortedTransaction& aborted : fetched.aborted) {
    FetchResponse::AbortedTransaction transaction;
    transaction.producer_id = aborted.producer_id.value();
    transaction.first_offset = aborted.first_offset.value();
    data->aborted_transactions->push_back(transaction);
  }
}

ErrorCode ErrorOf(const FetchedPartition& fetched) {
  switch (fetched.problem) {
    case FetchProblem::kNone:
      return ErrorCode::kNone;
    case FetchProblem::kNotLeader:
      return ErrorCode::kNotLeaderOrFollower;
    case FetchProblem::kFencedLeaderEpoch:
      return ErrorCode::kFencedLeaderEpoch;
    case FetchProblem::kUnknownLeaderEpoch:
      return ErrorCode::kUnknownLeaderEpoch;
    case FetchProblem::kOffsetOutOfRange:
      return ErrorCode::kOffsetOutOfRange;
    case FetchProblem::kStorage:
      // Bytes that can be read and make no sense: Kafka's error for what a client can only skip.
      if (absl::IsDataLoss(fetched.storage_status) && !env::IsDeviceFailure(fetched.storage_status))
        return ErrorCode::kCorruptMessage;
      return PartitionError(fetched.storage_status);
  }
  return ErrorCode::kUnknownServerError;
}

struct Look {
  int64_t bytes = 0;
  bool answer_now = false;  // something other than records is to be told
};

// One pass over all partitions. With a `waiter` the partitions tell it of what comes later.
env::Task<Look> ReadAll(std::vector<Item>& items, const FetchRequest& request, int64_t max_bytes,
                        std::shared_ptr<replica::FetchWaiter> waiter) {
  Look look;
  for (Item& item : items) {
    if (item.partition == nullptr) {
      look.answer_now = true;
      continue;
    }
    replica::FetchOptions options;
    options.offset = item.request.fetch_offset;
    const int64_t left = std::max<int64_t>(0, max_bytes - look.bytes);
    options.max_bytes =
        static_cast<uint64_t>(std::max<int64_t>(0, std::min<int64_t>(left, item.request.max_bytes)));
    options.min_one_batch = look.bytes == 0;
    options.read_committed = request.isolation_level == kReadCommitted;
    options.current_leader_epoch = item.request.current_leader_epoch;
    options.last_fetched_epoch = item.request.last_fetched_epoch;
    item.fetched = co_await item.partition->Fetch(options, waiter);
    item.error = ErrorOf(item.fetched);
    look.bytes += static_cast<int64_t>(item.fetched.records.length);
    if (item.error != ErrorCode::kNone || item.fetched.diverging_epoch) look.answer_now = true;
  }
  co_return look;
}

env::Task<void> ReadOrWait(RequestContext& context, const FetchRequest& request, std::vector<Item>& items) {
  const int64_t max_bytes = std::min<int64_t>(request.max_bytes, context.services.limits.fetch_max_bytes);
  const int64_t min_bytes = std::min<int64_t>(request.min_bytes, max_bytes);
  Look look = co_await ReadAll(items, request, max_bytes, nullptr);
  context.AllowNext();
  if (look.answer_now || look.bytes >= min_bytes || request.max_wait_ms <= 0) co_return;
  if (items.empty() && request.session_id == kNoFetchSession) co_return;
  // Looked at once more with the waiter in place: nothing that came in between is missed.
  auto waiter = std::make_shared<replica::FetchWaiter>(std::max<int64_t>(1, min_bytes));
  look = co_await ReadAll(items, request, max_bytes, waiter);
  if (look.answer_now || look.bytes >= min_bytes) co_return;
  // What this look found counts too, which may be more than the one before did.
  waiter->AddReadable(look.bytes);
  const env::Clock& clock = context.services.env.clock;
  const env::MonotonicTime began = clock.Now();
  ++context.services.waiting.fetches;
  co_await waiter->WaitFor(absl::Milliseconds(request.max_wait_ms));
  --context.services.waiting.fetches;
  context.remote_us = absl::ToInt64Microseconds(clock.Now() - began);
  if (!waiter->woken()) context.services.metrics.expired_consumer_fetches.Increment();
  co_await ReadAll(items, request, max_bytes, nullptr);
}

FetchResponse::PartitionData ToAnswer(Item& item, bool read_committed) {
  FetchResponse::PartitionData data;
  data.partition_index = item.request.key.partition.value();
  data.error_code = Code(item.error);
  data.records.emplace();
  FetchedPartition& fetched = item.fetched;
  if (item.partition != nullptr) data.aborted_transactions.reset();
  if (item.error != ErrorCode::kNone) {
    data.high_watermark = -1;
    if (item.error == ErrorCode::kNotLeaderOrFollower || item.error == ErrorCode::kFencedLeaderEpoch) {
      data.current_leader.leader_id = fetched.leader.value();
      data.current_leader.leader_epoch = fetched.leader_epoch.value();
    }
    return data;
  }
  data.high_watermark = fetched.high_watermark.value();
  data.last_stable_offset = fetched.last_stable_offset.value();
  data.log_start_offset = fetched.log_start_offset.value();
  if (fetched.diverging_epoch) {
    data.diverging_epoch.epoch = fetched.diverging_epoch->epoch.value();
    data.diverging_epoch.end_offset = fetched.diverging_epoch->end_offset.value();
  }
  if (read_committed) AddAborted(fetched, &data);
  if (fetched.records.length > 0) data.records->Append(std::move(fetched.records));
  return data;
}

FetchPartitionAnswer Noted(const Item& item) {
  FetchPartitionAnswer answer;
  answer.has_error = item.error != ErrorCode::kNone;
  if (!answer.has_error) {
    answer.high_watermark = item.fetched.high_watermark;
    answer.log_start_offset = item.fetched.log_start_offset;
  }
  answer.has_records = item.fetched.records.length > 0;
  answer.diverging = item.fetched.diverging_epoch.has_value();
  return answer;
}

void Count(TopicMetricsTable& metrics, const Item& item) {
  if (item.partition == nullptr) return;
  const TopicMetrics& topic = metrics.Of(*item.partition);
  topic.FetchRequest();
  if (item.fetched.records.length > 0) topic.BytesOut(item.fetched.records.length);
  // Being asked in vain after leaders and offsets moved is everyday life, as for Kafka.
  if (item.fetched.problem == FetchProblem::kStorage) topic.FailedFetchRequest();
}

void AddToResponse(Item& item, bool read_committed, FetchResponse* response) {
  const FetchPartitionKey& key = item.request.key;
  const bool same = !response->responses.empty() && response->responses.back().topic.view() == key.topic &&
                    response->responses.back().topic_id == key.topic_id;
  if (!same) {
    FetchResponse::FetchableTopicResponse topic;
    topic.topic = kafka::Text::Copy(key.topic);
    topic.topic_id = key.topic_id;
    response->responses.push_back(std::move(topic));
  }
  response->responses.back().partitions.push_back(ToAnswer(item, read_committed));
}

}  // namespace

env::Task<FetchResponse> FetchHandler::Handle(RequestContext& context, const FetchRequest& request) {
  FetchResponse response;
  const bool uses_topic_ids = context.api_version >= kFirstVersionWithTopicIds;
  FetchSessionCache& cache = context.services.fetch_sessions;
  SessionUse use = co_await OpenSession(cache, request, uses_topic_ids);
  std::vector<FetchPartitionRequest> requested;
  if (use.error == ErrorCode::kNone) requested = co_await ThroughSession(use, request, uses_topic_ids);
  if (use.error != ErrorCode::kNone) {
    response.error_code = Code(use.error);
    co_return response;
  }
  std::vector<Item> items = Resolve(context, std::move(requested), uses_topic_ids);
  co_await ReadOrWait(context, request, items);
  for (const Item& item : items) Count(context.services.topic_metrics, item);
  const bool read_committed = request.isolation_level == kReadCommitted;
  if (use.session == nullptr) {
    for (Item& item : items) AddToResponse(item, read_committed, &response);
    co_return response;
  }
  response.session_id = use.session->id();
  env::LaneGuard in_lane = co_await use.session->lane.Enter();
  for (Item& item : items) {
    const bool news = use.session->NoteAnswer(item.request.key, Noted(item));
    if (news || !use.incremental) AddToResponse(item, read_committed, &response);
  }
  co_return response;
}

}  // namespace dohle::server
