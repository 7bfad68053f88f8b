// The offset requests: topics are resolved and checked against the cluster's metadata, then the shard
// decides.
#include <algorithm>
#include <utility>

#include "broker/coordinator/group_coordinator.h"
#include "broker/coordinator/shard_driver.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;
using CommitTopic = kafka::OffsetCommitResponse::OffsetCommitResponseTopic;

constexpr int16_t kFirstCommitWithTopicIds = 10;
constexpr int16_t kFirstFetchWithTopicIds = 10;
constexpr int16_t kFirstFetchOfManyGroups = 8;
constexpr int16_t kFirstFetchWithGroupError = 2;

bool Allowed(const TopicFilter& filter, std::string_view name) { return !filter || filter(name); }

// The topic's entry of a response, in the order in which topics are first mentioned.
template <typename Topics>
auto& EntryFor(Topics& topics, std::string_view name) {
  const auto found = std::find_if(topics.begin(), topics.end(),
                                  [name](const auto& topic) { return topic.name.view() == name; });
  if (found != topics.end()) return *found;
  auto& added = topics.emplace_back();
  added.name = Own(name);
  return added;
}

CommitTopic& CommitEntryFor(kafka::OffsetCommitResponse& response, std::string_view name, const Uuid& id,
                            bool by_id) {
  if (!by_id) {
    CommitTopic& topic = EntryFor(response.topics, name);
    topic.topic_id = id;
    return topic;
  }
  for (CommitTopic& topic : response.topics) {
    if (topic.topic_id == id) return topic;
  }
  CommitTopic& added = response.topics.emplace_back();
  added.name = Own(name);
  added.topic_id = id;
  return added;
}

// What of a commit can go to the shard; `rejected` gets the rest.
kafka::OffsetCommitRequest CheckCommit(const kafka::OffsetCommitRequest& request, int16_t version,
                                       const TopicLookup& topics, const TopicFilter& may_read,
                                       kafka::OffsetCommitResponse* rejected) {
  const bool by_id = version >= kFirstCommitWithTopicIds;
  kafka::OffsetCommitRequest accepted;
  accepted.group_id = request.group_id;
  accepted.generation_id_or_member_epoch = request.generation_id_or_member_epoch;
  accepted.member_id = request.member_id;
  accepted.group_instance_id = request.group_instance_id;
  accepted.retention_time_ms = request.retention_time_ms;
  for (const auto& topic : request.topics) {
    std::string name(topic.name.view());
    if (by_id) name = topics.NameOf(topic.topic_id).value_or("");
    const std::optional<TopicLookup::Topic> found = name.empty() ? std::nullopt : topics.Find(name);
    const Uuid id = by_id ? topic.topic_id : (found ? found->id : Uuid());
    ErrorCode error = ErrorCode::kNone;
    if (by_id && name.empty()) {
      error = ErrorCode::kUnknownTopicId;
    } else if (!Allowed(may_read, name)) {
      error = ErrorCode::kTopicAuthorizationFailed;
    } else if (!found) {
      error = ErrorCode::kUnknownTopicOrPartition;
    }
    kafka::OffsetCommitRequest::OffsetCommitRequestTopic good;
    for (const auto& partition : topic.partitions) {
      const bool exists =
          found && partition.partition_index >= 0 && partition.partition_index < found->partition_count;
      if (error == ErrorCode::kNone && exists) {
        good.partitions.push_back(partition);
        continue;
      }
      auto& result = CommitEntryFor(*rejected, name, id, by_id).partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code = Code(error == ErrorCode::kNone ? ErrorCode::kUnknownTopicOrPartition : error);
    }
    if (good.partitions.empty()) continue;
    good.name = kafka::Text(std::move(name));
    good.topic_id = id;
    accepted.topics.push_back(std::move(good));
  }
  return accepted;
}

FetchedGroup GroupFailed(const FetchGroupRequest& request, ErrorCode error, int16_t version) {
  FetchedGroup failed;
  failed.group_id = Own(request.group_id);
  if (version >= kFirstFetchWithGroupError) {
    failed.error_code = Code(error);
    return failed;
  }
  // There is no place for a group's error, so every partition gets it.
  if (!request.topics) return failed;
  for (const auto& topic : *request.topics) {
    auto& fetched = failed.topics.emplace_back();
    fetched.name = Own(topic.name);
    for (const int32_t index : topic.partition_indexes) {
      auto& partition = fetched.partitions.emplace_back();
      partition.partition_index = index;
      partition.committed_offset = -1;
      partition.error_code = Code(error);
    }
  }
  return failed;
}

std::vector<FetchGroupRequest> ToGroups(const kafka::OffsetFetchRequest& request, int16_t version) {
  if (version >= kFirstFetchOfManyGroups) return request.groups;
  std::vector<FetchGroupRequest> groups(1);
  groups[0].group_id = request.group_id;
  if (!request.topics) {
    groups[0].topics.reset();
    return groups;
  }
  for (const auto& topic : *request.topics) {
    auto& converted = groups[0].topics->emplace_back();
    converted.name = topic.name;
    converted.partition_indexes = topic.partition_indexes;
  }
  return groups;
}

kafka::OffsetFetchResponse ToResponse(std::vector<FetchedGroup> groups, int16_t version) {
  kafka::OffsetFetchResponse response;
  if (version >= kFirstFetchOfManyGroups) {
    response.groups = std::move(groups);
    return response;
  }
  response.error_code = groups[0].error_code;
  for (auto& topic : groups[0].topics) {
    auto& converted = response.topics.emplace_back();
    converted.name = std::move(topic.name);
    for (auto& partition : topic.partitions) {
      converted.partitions.push_back({partition.partition_index, partition.committed_offset,
                                      partition.committed_leader_epoch, std::move(partition.metadata),
                                      partition.error_code});
    }
  }
  return response;
}

// Takes the topics out of `request` that can't be fetched and names the others; returns what to say of those.
std::vector<kafka::OffsetFetchResponse::OffsetFetchResponseTopics> TakeUnreadable(
    FetchGroupRequest& request, int16_t version, const TopicLookup& topics, const TopicFilter& may_describe) {
  std::vector<kafka::OffsetFetchResponse::OffsetFetchResponseTopics> unreadable;
  std::vector<kafka::OffsetFetchRequest::OffsetFetchRequestTopics> readable;
  for (auto& topic : *request.topics) {
    if (version >= kFirstFetchWithTopicIds && !topic.topic_id.is_zero()) {
      topic.name = kafka::Text(topics.NameOf(topic.topic_id).value_or(""));
    }
    ErrorCode error = ErrorCode::kNone;
    if (version >= kFirstFetchWithTopicIds && topic.name.empty()) {
      error = ErrorCode::kUnknownTopicId;
    } else if (!Allowed(may_describe, topic.name)) {
      error = ErrorCode::kTopicAuthorizationFailed;
    }
    if (error == ErrorCode::kNone) {
      readable.push_back(std::move(topic));
      continue;
    }
    auto& answer = unreadable.emplace_back();
    answer.name = Own(topic.name);
    answer.topic_id = topic.topic_id;
    for (const int32_t index : topic.partition_indexes) {
      auto& partition = answer.partitions.emplace_back();
      partition.partition_index = index;
      partition.committed_offset = -1;
      partition.error_code = Code(error);
    }
  }
  request.topics = std::move(readable);
  return unreadable;
}

// Of the answer to a fetch of all topics: only what may be seen, and what can be named in that version.
void KeepDescribable(FetchedGroup& fetched, int16_t version, const TopicLookup& topics,
                     const TopicFilter& may_describe) {
  std::erase_if(fetched.topics, [&](auto& topic) {
    if (!Allowed(may_describe, topic.name)) return true;
    if (version < kFirstFetchWithTopicIds) return false;
    const std::optional<TopicLookup::Topic> found = topics.Find(topic.name);
    if (found) topic.topic_id = found->id;
    return topic.topic_id.is_zero();
  });
}

}  // namespace

env::Task<kafka::OffsetCommitResponse> GroupCoordinator::OffsetCommit(
    const kafka::OffsetCommitRequest& request, int16_t version, TopicFilter may_read) {
  kafka::OffsetCommitResponse response;
  const kafka::OffsetCommitRequest accepted =
      CheckCommit(request, version, parts_.topics, may_read, &response);
  if (accepted.topics.empty()) co_return response;
  ShardDriver::Operation operation = [&accepted, version](GroupShard& shard, RequestId id, Instant now) {
    return shard.Commit({id, version, {}, {}}, accepted, now);
  };
  ShardDriver::Answer answer = co_await ShardFor(request.group_id).Ask(std::move(operation));
  kafka::OffsetCommitResponse decided;
  if (answer.error == ErrorCode::kNone) {
    decided = std::get<kafka::OffsetCommitResponse>(*std::move(answer.response));
  } else {
    for (const auto& topic : accepted.topics) {
      auto& failed = decided.topics.emplace_back();
      failed.name = Own(topic.name);
      failed.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        failed.partitions.push_back({partition.partition_index, Code(ToGroupError(answer.error))});
      }
    }
  }
  if (response.topics.empty()) co_return decided;
  for (CommitTopic& topic : decided.topics) {
    CommitTopic& merged =
        CommitEntryFor(response, topic.name, topic.topic_id, version >= kFirstCommitWithTopicIds);
    merged.partitions.insert(merged.partitions.end(), topic.partitions.begin(), topic.partitions.end());
  }
  co_return response;
}

env::Task<FetchedGroup> GroupCoordinator::FetchGroup(FetchGroupRequest request, int16_t version,
                                                     bool require_stable, const TopicFilter* may_describe) {
  const bool all = !request.topics;
  std::vector<kafka::OffsetFetchResponse::OffsetFetchResponseTopics> unreadable;
  const FetchGroupRequest asked = request;
  if (!all) unreadable = TakeUnreadable(request, version, parts_.topics, *may_describe);
  ShardDriver::Operation operation = [&request, version, require_stable](GroupShard& shard, RequestId id,
                                                                         Instant now) {
    return shard.Fetch({id, version, {}, {}}, request, require_stable, now);
  };
  ShardDriver::Answer answer = co_await ShardFor(request.group_id).Ask(std::move(operation));
  if (answer.error != ErrorCode::kNone) co_return GroupFailed(asked, answer.error, version);
  FetchedGroup fetched = std::get<FetchedGroup>(*std::move(answer.response));
  if (fetched.error_code != 0) {
    co_return GroupFailed(asked, static_cast<ErrorCode>(fetched.error_code), version);
  }
  if (all) {
    KeepDescribable(fetched, version, parts_.topics, *may_describe);
  } else {
    std::move(unreadable.begin(), unreadable.end(), std::back_inserter(fetched.topics));
  }
  co_return fetched;
}

env::Task<kafka::OffsetFetchResponse> GroupCoordinator::OffsetFetch(const kafka::OffsetFetchRequest& request,
                                                                    int16_t version,
                                                                    TopicFilter may_describe_group,
                                                                    TopicFilter may_describe) {
  std::vector<FetchedGroup> answers;
  for (FetchGroupRequest& group : ToGroups(request, version)) {
    if (!Allowed(may_describe_group, group.group_id)) {
      answers.push_back(GroupFailed(group, ErrorCode::kGroupAuthorizationFailed, version));
      continue;
    }
    FetchedGroup answer =
        co_await FetchGroup(std::move(group), version, request.require_stable && version >= 7, &may_describe);
    answers.push_back(std::move(answer));
  }
  co_return ToResponse(std::move(answers), version);
}

env::Task<kafka::OffsetDeleteResponse> GroupCoordinator::OffsetDelete(
    const kafka::OffsetDeleteRequest& request, TopicFilter may_read) {
  kafka::OffsetDeleteResponse rejected;
  kafka::OffsetDeleteRequest accepted;
  accepted.group_id = request.group_id;
  for (const auto& topic : request.topics) {
    const std::optional<TopicLookup::Topic> found = parts_.topics.Find(topic.name);
    const bool allowed = Allowed(may_read, topic.name);
    kafka::OffsetDeleteRequest::OffsetDeleteRequestTopic good;
    for (const auto& partition : topic.partitions) {
      if (allowed && found && partition.partition_index >= 0 &&
          partition.partition_index < found->partition_count) {
        good.partitions.push_back(partition);
        continue;
      }
      auto& result = EntryFor(rejected.topics, topic.name).partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code =
          Code(allowed ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kTopicAuthorizationFailed);
    }
    if (good.partitions.empty()) continue;
    good.name = topic.name;
    accepted.topics.push_back(std::move(good));
  }
  if (accepted.group_id.empty()) {
    kafka::OffsetDeleteResponse invalid;
    invalid.error_code = Code(ErrorCode::kInvalidGroupId);
    co_return invalid;
  }
  ShardDriver::Operation operation = [&accepted](GroupShard& shard, RequestId id, Instant now) {
    return shard.Delete({id, 0, {}, {}}, accepted, now);
  };
  ShardDriver::Answer answer = co_await ShardFor(request.group_id).Ask(std::move(operation));
  kafka::OffsetDeleteResponse response;
  if (answer.error == ErrorCode::kNone) {
    response = std::get<kafka::OffsetDeleteResponse>(*std::move(answer.response));
  } else {
    response.error_code = Code(ToGroupError(answer.error));
  }
  if (response.error_code != 0) co_return response;
  for (auto& topic : response.topics) {
    auto& merged = EntryFor(rejected.topics, topic.name);
    merged.partitions.insert(merged.partitions.end(), topic.partitions.begin(), topic.partitions.end());
  }
  co_return rejected;
}

}  // namespace dohle::coordinator
