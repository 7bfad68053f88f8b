#include "broker/coordinator/group_offsets.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/log.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kModule = "coordinator";
constexpr size_t kMaxTombstonesAtOnce = 1000;  // of one write, where they need not be atomic
constexpr int16_t kFirstVersionWithGroupIdNotFound = 9;

// The length of `utf8` as Java counts it, which is what the limit is held against.
size_t Utf16Length(std::string_view utf8) {
  size_t length = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte & 0xC0u) != 0x80) ++length;
    if (byte >= 0xF0) ++length;
  }
  return length;
}

void SetOffset(FetchedGroup& answer, int32_t partition, const CommittedOffset* offset, ErrorCode error) {
  auto& fetched = answer.topics.back().partitions.emplace_back();
  fetched.partition_index = partition;
  fetched.error_code = Code(error);
  fetched.committed_offset = -1;
  if (offset == nullptr || error != ErrorCode::kNone) return;
  fetched.committed_offset = offset->offset;
  fetched.committed_leader_epoch = offset->leader_epoch;
  fetched.metadata = Own(offset->metadata);
}

}  // namespace

ErrorCode GroupOffsets::ValidateCommit(const Call& call, const kafka::OffsetCommitRequest& request) {
  const int32_t generation = request.generation_id_or_member_epoch;
  Group* group = core_.FindGroup(request.group_id);
  if (group == nullptr) {
    if (generation >= 0) {
      return call.version >= kFirstVersionWithGroupIdNotFound ? ErrorCode::kGroupIdNotFound
                                                              : ErrorCode::kIllegalGeneration;
    }
    // From a tool or from a consumer that needs no members: a group that only holds offsets.
    core_.CreateGroup(request.group_id);
    return ErrorCode::kNone;
  }
  if (generation < 0 && group->Is(GroupState::kEmpty)) return ErrorCode::kNone;
  std::optional<std::string_view> instance_id;
  if (request.group_instance_id) instance_id = request.group_instance_id->view();
  if (generation < 0 && request.member_id.empty() && !instance_id) return ErrorCode::kUnknownMemberId;
  const ErrorCode error = group->ValidateMember(request.member_id, instance_id);
  if (error != ErrorCode::kNone) return error;
  if (generation != group->generation()) return ErrorCode::kIllegalGeneration;
  if (group->Is(GroupState::kCompletingRebalance)) return ErrorCode::kRebalanceInProgress;
  if (group->Is(GroupState::kStable) || group->Is(GroupState::kPreparingRebalance)) {
    membership_.RenewSession(*group, *group->FindMember(request.member_id));
  }
  return ErrorCode::kNone;
}

void GroupOffsets::Commit(const Call& call, const kafka::OffsetCommitRequest& request) {
  const ErrorCode error = ValidateCommit(call, request);
  kafka::OffsetCommitResponse response;
  std::vector<Record> records;
  CommittedOffset offset;
  offset.commit_timestamp_ms = core_.now.wall_ms;
  if (request.retention_time_ms != -1) {
    offset.expire_timestamp_ms = core_.now.wall_ms + request.retention_time_ms;
  }
  const auto max_metadata = static_cast<size_t>(core_.config.offset_metadata_max_bytes);
  for (const auto& topic : request.topics) {
    auto& topic_response = response.topics.emplace_back();
    topic_response.name = Own(topic.name);
    topic_response.topic_id = topic.topic_id;
    topic_response.partitions.reserve(topic.partitions.size());
    offset.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      auto& result = topic_response.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code = Code(error);
      if (error != ErrorCode::kNone) continue;
      const std::string_view metadata =
          partition.committed_metadata ? partition.committed_metadata->view() : "";
      if (Utf16Length(metadata) > max_metadata) {
        result.error_code = Code(ErrorCode::kOffsetMetadataTooLarge);
        continue;
      }
      offset.offset = partition.committed_offset;
      offset.leader_epoch = partition.committed_leader_epoch;
      offset.metadata = metadata;
      records.push_back(OffsetRecord(request.group_id, topic.name, partition.partition_index, offset));
      core_.PutOffset(request.group_id, topic.name, partition.partition_index, offset, records.size() - 1);
    }
  }
  if (error != ErrorCode::kNone) {
    core_.Answer(call.id, std::move(response));
    return;
  }
  if (!records.empty()) core_.AppendRecords(std::move(records));
  core_.AnswerWhenWritten(call.id, std::move(response));
}

void GroupOffsets::Fetch(const Call& call, const FetchGroupRequest& request, bool require_stable) {
  FetchedGroup answer;
  answer.group_id = Own(request.group_id);
  const bool exists = require_stable ? core_.FindGroup(request.group_id) != nullptr
                                     : core_.FindCommittedGroup(request.group_id) != nullptr;
  const OffsetStore::Topics* offsets = exists ? core_.offsets.Find(request.group_id) : nullptr;
  if (request.topics) {
    FetchSome(request, offsets, require_stable, answer);
  } else {
    FetchAll(request.group_id, offsets, require_stable, answer);
  }
  if (require_stable) {
    core_.AnswerWhenWritten(call.id, std::move(answer));
  } else {
    core_.Answer(call.id, std::move(answer));
  }
}

void GroupOffsets::FetchSome(const FetchGroupRequest& request, const OffsetStore::Topics* offsets,
                             bool stable, FetchedGroup& answer) const {
  answer.topics.reserve(request.topics->size());
  for (const auto& topic : *request.topics) {
    auto& fetched = answer.topics.emplace_back();
    fetched.name = Own(topic.name);
    fetched.topic_id = topic.topic_id;
    fetched.partitions.reserve(topic.partition_indexes.size());
    const OffsetStore::Partitions* partitions = nullptr;
    if (offsets != nullptr) {
      const auto found = offsets->find(topic.name.view());
      if (found != offsets->end()) partitions = &found->second;
    }
    for (const int32_t index : topic.partition_indexes) {
      if (stable && core_.offsets.HasOpenTransaction(request.group_id, topic.name, index)) {
        SetOffset(answer, index, nullptr, ErrorCode::kUnstableOffsetCommit);
        continue;
      }
      const CommittedOffset* offset = nullptr;
      if (partitions != nullptr) {
        const auto found = partitions->find(index);
        if (found != partitions->end()) offset = Visible(found->second, stable);
      }
      // Of a deleted topic of the same name.
      if (offset != nullptr && !offset->topic_id.is_zero() && !topic.topic_id.is_zero() &&
          offset->topic_id != topic.topic_id) {
        offset = nullptr;
      }
      SetOffset(answer, index, offset, ErrorCode::kNone);
    }
  }
}

void GroupOffsets::FetchAll(std::string_view group_id, const OffsetStore::Topics* offsets, bool stable,
                            FetchedGroup& answer) const {
  if (offsets == nullptr) return;
  std::map<std::string_view, std::map<int32_t, const CommittedOffset*>> sorted;
  for (const auto& [topic, partitions] : *offsets) {
    for (const auto& [index, slot] : partitions) {
      if (const CommittedOffset* offset = Visible(slot, stable)) sorted[topic].emplace(index, offset);
    }
  }
  answer.topics.reserve(sorted.size());
  for (const auto& [topic, partitions] : sorted) {
    answer.topics.emplace_back().name = Own(topic);
    for (const auto& [index, offset] : partitions) {
      const bool unstable = stable && core_.offsets.HasOpenTransaction(group_id, topic, index);
      SetOffset(answer, index, offset, unstable ? ErrorCode::kUnstableOffsetCommit : ErrorCode::kNone);
    }
  }
}

void GroupOffsets::Delete(const Call& call, const kafka::OffsetDeleteRequest& request) {
  kafka::OffsetDeleteResponse response;
  Group* group = core_.FindGroup(request.group_id);
  if (group == nullptr) {
    response.error_code = Code(ErrorCode::kGroupIdNotFound);
  } else if (!group->Is(GroupState::kEmpty) && !group->UsesConsumerProtocol()) {
    response.error_code = Code(ErrorCode::kNonEmptyGroup);
  }
  if (response.error_code != 0) {
    core_.Answer(call.id, std::move(response));
    return;
  }
  std::vector<Record> records;
  for (const auto& topic : request.topics) {
    auto& topic_response = response.topics.emplace_back();
    topic_response.name = Own(topic.name);
    const bool subscribed = group->IsSubscribedTo(topic.name);
    for (const auto& partition : topic.partitions) {
      auto& result = topic_response.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      if (subscribed) {
        result.error_code = Code(ErrorCode::kGroupSubscribedToTopic);
      } else if (core_.offsets.Latest(request.group_id, topic.name, partition.partition_index) != nullptr ||
                 core_.offsets.HasOpenTransaction(request.group_id, topic.name, partition.partition_index)) {
        records.push_back(OffsetTombstone(request.group_id, topic.name, partition.partition_index));
        core_.EraseOffset(request.group_id, topic.name, partition.partition_index);
      }
    }
  }
  if (!records.empty()) core_.AppendRecords(std::move(records));
  core_.AnswerWhenWritten(call.id, std::move(response));
}

void GroupOffsets::EraseAll(std::string_view group_id, std::vector<Record>& records) {
  std::vector<OffsetKey> keys;
  if (const OffsetStore::Topics* topics = core_.offsets.Find(group_id)) {
    for (const auto& [topic, partitions] : *topics) {
      for (const auto& [index, slot] : partitions) {
        if (slot.Latest() != nullptr) keys.push_back({std::string(group_id), topic, index});
      }
    }
  }
  for (OffsetKey& key : core_.offsets.OpenPartitions(group_id)) {
    if (core_.offsets.Latest(key.group, key.topic, key.partition) == nullptr) keys.push_back(std::move(key));
  }
  std::sort(keys.begin(), keys.end());
  for (const OffsetKey& key : keys) {
    records.push_back(OffsetTombstone(key.group, key.topic, key.partition));
    core_.EraseOffset(key.group, key.topic, key.partition);
  }
}

void GroupOffsets::DeleteGroups(const Call& call, const std::vector<std::string_view>& group_ids) {
  kafka::DeleteGroupsResponse response;
  std::vector<Record> records;
  for (const std::string_view id : group_ids) {
    auto& result = response.results.emplace_back();
    result.group_id = Own(id);
    const Group* group = core_.FindGroup(id);
    if (group == nullptr || !group->Is(GroupState::kEmpty)) {
      result.error_code = Code(group == nullptr ? ErrorCode::kGroupIdNotFound : ErrorCode::kNonEmptyGroup);
      continue;
    }
    log::Info(kModule, "group {}: deleted on request", id);
    EraseAll(id, records);
    for (const std::string& key : group->foreign_keys) records.push_back({key, std::nullopt});
    if (group->type == GroupType::kClassic) records.push_back(GroupTombstone(id));
    core_.RemoveGroup(id);
  }
  if (!records.empty()) core_.AppendRecords(std::move(records));
  core_.AnswerWhenWritten(call.id, std::move(response));
}

bool GroupOffsets::IsExpired(const CommittedOffset& offset, const Group& group) const {
  const int64_t now_ms = core_.now.wall_ms;
  if (offset.expire_timestamp_ms != kNoExpiry) return now_ms >= offset.expire_timestamp_ms;
  // A group's offsets stay as long as it has members, and for the retention time after the last has left. The
  // time of that is unknown in old records.
  const bool since_empty =
      group.protocol_type() && group.Is(GroupState::kEmpty) && group.state_timestamp_ms() != -1;
  const int64_t since_ms = since_empty ? group.state_timestamp_ms() : offset.commit_timestamp_ms;
  return now_ms - since_ms >= core_.config.offsets_retention_minutes * 60'000;
}

// True if the group has nothing left.
bool GroupOffsets::ExpireGroup(Group& group, std::vector<Record>& records) {
  const std::string& id = group.id();
  const OffsetStore::Topics* topics = core_.offsets.Find(id);
  const bool open = core_.offsets.HasOpenTransactions(id);
  if (topics == nullptr) return !open;
  if (group.protocol_type() && !group.Is(GroupState::kEmpty) &&
      !(group.Is(GroupState::kStable) && group.UsesConsumerProtocol() && group.subscribed_topics())) {
    return false;
  }
  bool all_expired = true;
  std::vector<OffsetKey> expired;
  for (const auto& [topic, partitions] : *topics) {
    const bool subscribed = group.IsSubscribedTo(topic);
    for (const auto& [index, slot] : partitions) {
      const CommittedOffset* offset = slot.Latest();
      if (offset == nullptr) continue;
      if (!subscribed && IsExpired(*offset, group) && !core_.offsets.HasOpenTransaction(id, topic, index)) {
        expired.push_back({id, topic, index});
      } else {
        all_expired = false;
      }
    }
  }
  std::sort(expired.begin(), expired.end());
  for (const OffsetKey& key : expired) {
    records.push_back(OffsetTombstone(key.group, key.topic, key.partition));
    core_.EraseOffset(key.group, key.topic, key.partition);
    FlushIfLarge(records);
  }
  return all_expired && !open;
}

void GroupOffsets::FlushIfLarge(std::vector<Record>& records) {
  if (records.size() < kMaxTombstonesAtOnce) return;
  core_.AppendRecords(std::exchange(records, {}));
}

void GroupOffsets::Expire() {
  std::vector<std::string> ids;
  ids.reserve(core_.groups().size());
  for (const auto& [id, slot] : core_.groups()) {
    if (slot.Latest() != nullptr) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  std::vector<Record> records;
  for (const std::string& id : ids) {
    Group& group = *core_.FindGroup(id);
    // Share groups keep no offsets here, and their records belong to another coordinator too.
    if (group.type != GroupType::kClassic && group.type != GroupType::kConsumer) continue;
    if (!ExpireGroup(group, records) || group.type != GroupType::kClassic || !group.Is(GroupState::kEmpty))
      continue;
    log::Info(kModule, "group {}: removed, it is empty and its offsets have expired", id);
    records.push_back(GroupTombstone(id));
    core_.RemoveGroup(id);
    FlushIfLarge(records);
  }
  if (!records.empty()) core_.AppendRecords(std::move(records));
}

void GroupOffsets::OnTopicsDeleted(const std::vector<DeletedTopic>& topics) {
  std::vector<OffsetKey> keys;
  const auto is_of = [](const Uuid& id, const DeletedTopic& topic) { return id.is_zero() || id == topic.id; };
  for (const DeletedTopic& topic : topics) {
    for (const auto& [group_id, offsets] : core_.offsets.groups()) {
      const auto partitions = offsets.find(topic.name);
      if (partitions == offsets.end()) continue;
      for (const auto& [index, slot] : partitions->second) {
        const CommittedOffset* offset = slot.Latest();
        if (offset != nullptr && is_of(offset->topic_id, topic))
          keys.push_back({group_id, topic.name, index});
      }
    }
    for (auto& [key, topic_id] : core_.offsets.OpenCommits()) {
      if (key.topic == topic.name && is_of(topic_id, topic)) keys.push_back(key);
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<Record> records;
  for (const OffsetKey& key : keys) {
    records.push_back(OffsetTombstone(key.group, key.topic, key.partition));
    core_.EraseOffset(key.group, key.topic, key.partition);
    FlushIfLarge(records);
  }
  if (!records.empty()) core_.AppendRecords(std::move(records));
}

}  // namespace dohle::coordinator
