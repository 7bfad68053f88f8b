#include "broker/server/handlers/fetch.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "broker/replica/fetch_waiter.h"
#include "broker/replica/partition_registry.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/error_mapping.h"
#include "broker/server/fetch_session.h"
#include "broker/server/leader_hint.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/read_replica.h"
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

constexpr int16_t kFirstVersionWithReadReplicas = 11;
constexpr int16_t kFirstVersionWithTopicIds = 13;
constexpr int16_t kFirstVersionWithReplicaState = 15;
constexpr int16_t kFirstVersionWithNodeEndpoints = 16;
constexpr int8_t kReadCommitted = 1;

// Who asks.
struct Reader {
  NodeId follower = kNoNode;  // kNoNode: a consumer
  BrokerEpoch broker_epoch{-1};
  bool only_from_leader = true;
  std::string_view rack;  // "": it reads from the leader

  bool follows() const { return follower != kNoNode; }
};

// One partition on its way through a fetch.
struct Item {
  FetchPartitionRequest request;
  std::shared_ptr<replica::Partition> partition;
  ErrorCode error = ErrorCode::kNone;
  FetchedPartition fetched;
  NodeId read_from = kNoNode;  // the replica to read from instead
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
      one.log_start_offset = Offset(partition.log_start_offset);
      one.high_watermark = Offset(partition.high_watermark);
      requested.push_back(std::move(one));
    }
  }
  return requested;
}

Reader ReaderOf(const RequestContext& context, const FetchRequest& request) {
  Reader reader;
  const bool has_state = context.api_version >= kFirstVersionWithReplicaState;
  const int32_t id = has_state ? request.replica_state.replica_id : request.replica_id;
  if (id >= 0) {
    reader.follower = NodeId(id);
    if (has_state) reader.broker_epoch = BrokerEpoch(request.replica_state.replica_epoch);
    return reader;
  }
  reader.only_from_leader = context.api_version < kFirstVersionWithReadReplicas;
  const bool chooses = context.services.config.replication.rack_aware_replica_selector;
  if (chooses && !reader.only_from_leader) reader.rack = request.rack_id.view();
  return reader;
}

env::Task<SessionUse> OpenSession(FetchSessionCache& cache, const FetchRequest& request, bool uses_topic_ids,
                                  bool follower) {
  SessionUse use;
  if (request.session_epoch == kInitialFetchEpoch || request.session_epoch == kFinalFetchEpoch) {
    if (request.session_id != kNoFetchSession) co_await cache.Remove(request.session_id);
    if (request.session_epoch == kInitialFetchEpoch && !request.topics.empty()) {
      use.session = co_await cache.Create(uses_topic_ids, follower);
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

// Who leads what isn't here.
void NoteLeader(const metadata::MetadataImage& image, Item* item, const FetchPartitionKey& key,
                bool uses_topic_ids) {
  const metadata::TopicImage* topic =
      uses_topic_ids ? image.topics.Find(key.topic_id) : image.topics.Find(key.topic);
  const auto* registration = topic == nullptr ? nullptr : topic->Partition(key.partition);
  if (registration == nullptr) return;
  item->fetched.leader = registration->leader;
  item->fetched.leader_epoch = registration->leader_epoch;
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
      NoteLeader(*context.services.metadata.Current(), &item, one.key, uses_topic_ids);
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

// Sends consumers to a replica that lies nearer; what they would have read here isn't read.
env::Task<void> ChooseReplicas(RequestContext& context, const Reader& reader, std::vector<Item>& items) {
  if (reader.rack.empty()) co_return;
  const metadata::ImagePtr image = context.services.metadata.Current();
  for (Item& item : items) {
    if (item.partition == nullptr) continue;
    const std::vector<replica::ReadReplica> replicas =
        co_await item.partition->ReadReplicas(item.request.fetch_offset);
    const NodeId chosen =
        ChooseReadReplica(image->cluster, reader.rack, context.connection.listener_name, replicas);
    if (chosen == kNoNode || chosen == context.services.node_id) continue;
    const replica::EpochCheck check =
        co_await item.partition->CheckEpochAndBounds(item.request.current_leader_epoch);
    if (check.problem != FetchProblem::kNone) continue;  // the read will say so
    item.read_from = chosen;
    item.fetched.high_watermark = check.high_watermark;
    item.fetched.last_stable_offset = check.last_stable_offset;
    item.fetched.log_start_offset = check.log_start_offset;
  }
}

replica::FetchOptions OptionsFor(const Item& item, const FetchRequest& request, const Reader& reader,
                                 int64_t bytes_left, bool first_look) {
  replica::FetchOptions options;
  options.offset = item.request.fetch_offset;
  options.max_bytes =
      static_cast<uint64_t>(std::max<int64_t>(0, std::min<int64_t>(bytes_left, item.request.max_bytes)));
  options.read_committed = request.isolation_level == kReadCommitted;
  options.current_leader_epoch = item.request.current_leader_epoch;
  options.last_fetched_epoch = item.request.last_fetched_epoch;
  options.only_from_leader = reader.only_from_leader;
  if (reader.follows()) {
    replica::FetchingFollower& follower = options.follower.emplace();
    follower.fetch.follower = reader.follower;
    follower.fetch.broker_epoch = reader.broker_epoch;
    follower.fetch.log_start_offset = item.request.log_start_offset;
    follower.note = first_look;
  }
  return options;
}

// One pass over all partitions. With a `waiter` the partitions tell it of what comes later.
env::Task<Look> ReadAll(std::vector<Item>& items, const FetchRequest& request, const Reader& reader,
                        int64_t max_bytes, bool first_look, std::shared_ptr<replica::FetchWaiter> waiter) {
  Look look;
  for (Item& item : items) {
    if (item.partition == nullptr || item.read_from != kNoNode) {
      look.answer_now = true;
      continue;
    }
    const int64_t left = std::max<int64_t>(0, max_bytes - look.bytes);
    replica::FetchOptions options = OptionsFor(item, request, reader, left, first_look);
    options.min_one_batch = look.bytes == 0;
    item.fetched = co_await item.partition->Fetch(std::move(options), waiter);
    item.error = ErrorOf(item.fetched);
    look.bytes += static_cast<int64_t>(item.fetched.records.length);
    if (item.error != ErrorCode::kNone || item.fetched.diverging_epoch) look.answer_now = true;
    if (reader.follows() && item.fetched.high_watermark > item.request.high_watermark) look.answer_now = true;
  }
  co_return look;
}

env::Task<void> ReadOrWait(RequestContext& context, const FetchRequest& request, const Reader& reader,
                           std::vector<Item>& items) {
  const int64_t max_bytes = std::min<int64_t>(request.max_bytes, context.services.limits.fetch_max_bytes);
  const int64_t min_bytes = std::min<int64_t>(request.min_bytes, max_bytes);
  co_await ChooseReplicas(context, reader, items);
  Look look = co_await ReadAll(items, request, reader, max_bytes, true, nullptr);
  context.AllowNext();
  if (look.answer_now || look.bytes >= min_bytes || request.max_wait_ms <= 0) co_return;
  if (items.empty() && request.session_id == kNoFetchSession) co_return;
  // Looked at once more with the waiter in place: nothing that came in between is missed.
  auto waiter = std::make_shared<replica::FetchWaiter>(std::max<int64_t>(1, min_bytes));
  look = co_await ReadAll(items, request, reader, max_bytes, false, waiter);
  if (look.answer_now || look.bytes >= min_bytes) co_return;
  // What this look found counts too, which may be more than the one before did.
  waiter->AddReadable(look.bytes);
  const env::Clock& clock = context.services.env.clock;
  const env::MonotonicTime began = clock.Now();
  ++context.services.waiting.fetches;
  co_await waiter->WaitFor(absl::Milliseconds(request.max_wait_ms));
  --context.services.waiting.fetches;
  context.remote_us = absl::ToInt64Microseconds(clock.Now() - began);
  const ServerMetrics& metrics = context.services.metrics;
  if (!waiter->woken()) {
    (reader.follows() ? metrics.expired_follower_fetches : metrics.expired_consumer_fetches).Increment();
  }
  co_await ReadAll(items, request, reader, max_bytes, false, nullptr);
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
  data.preferred_read_replica = item.read_from.value();
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
  // Both are always told.
  answer.has_records = item.fetched.records.length > 0 || item.read_from != kNoNode;
  answer.diverging = item.fetched.diverging_epoch.has_value();
  return answer;
}

void Count(const Services& services, const Item& item, const Reader& reader) {
  if (item.partition == nullptr) return;
  const TopicMetrics& topic = services.topic_metrics.Of(*item.partition);
  topic.FetchRequest();
  const uint64_t bytes = item.fetched.records.length;
  if (reader.follows()) {
    services.metrics.replication_bytes_out.Increment(bytes);
    if (item.fetched.reassigning) services.metrics.reassignment_bytes_out.Increment(bytes);
  } else if (bytes > 0) {
    topic.BytesOut(bytes);
  }
  // Being asked in vain after leaders and offsets moved is everyday life, as for Kafka.
  if (item.fetched.problem == FetchProblem::kStorage) topic.FailedFetchRequest();
}

// Tells whom to ask instead, if it is of use to who asks.
void AddLeaderHints(const RequestContext& context, FetchResponse* response) {
  metadata::ImagePtr image;
  for (const auto& topic : response->responses) {
    for (const auto& partition : topic.partitions) {
      if (partition.current_leader.leader_id < 0) continue;
      if (image == nullptr) image = context.services.metadata.Current();
      AddNodeEndpoint(*image, context.connection.listener_name, NodeId(partition.current_leader.leader_id),
                      &response->node_endpoints);
    }
  }
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
  const Reader reader = ReaderOf(context, request);
  SessionUse use = co_await OpenSession(cache, request, uses_topic_ids, reader.follows());
  std::vector<FetchPartitionRequest> requested;
  if (use.error == ErrorCode::kNone) requested = co_await ThroughSession(use, request, uses_topic_ids);
  if (use.error != ErrorCode::kNone) {
    response.error_code = Code(use.error);
    co_return response;
  }
  std::vector<Item> items = Resolve(context, std::move(requested), uses_topic_ids);
  co_await ReadOrWait(context, request, reader, items);
  for (const Item& item : items) Count(context.services, item, reader);
  const bool read_committed = request.isolation_level == kReadCommitted;
  if (use.session == nullptr) {
    for (Item& item : items) AddToResponse(item, read_committed, &response);
  } else {
    response.session_id = use.session->id();
    env::LaneGuard in_lane = co_await use.session->lane.Enter();
    for (Item& item : items) {
      const bool news = use.session->NoteAnswer(item.request.key, Noted(item));
      if (news || !use.incremental) AddToResponse(item, read_committed, &response);
    }
  }
  if (context.api_version >= kFirstVersionWithNodeEndpoints) AddLeaderHints(context, &response);
  co_return response;
}

}  // namespace dohle::server
