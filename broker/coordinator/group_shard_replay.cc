// Loading: records of __consumer_offsets to state. Apache Kafka may have written them, of any version.
#include <utility>

#include "broker/coordinator/group_shard.h"
#include "lib/base/log.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/messages/group_metadata_key.h"
#include "lib/kafka/messages/group_metadata_value.h"
#include "lib/kafka/messages/legacy_offset_commit_key.h"
#include "lib/kafka/messages/legacy_offset_commit_value.h"
#include "lib/kafka/messages/offset_commit_key.h"
#include "lib/kafka/messages/offset_commit_value.h"

namespace dohle::coordinator {
namespace {

constexpr std::string_view kModule = "coordinator";

std::optional<std::string> Keep(const std::optional<kafka::Text>& text) {
  if (!text) return std::nullopt;
  return std::string(text->view());
}

Member ToMember(const kafka::GroupMetadataValue::MemberMetadata& written, std::string_view protocol) {
  Member member;
  member.id = written.member_id.view();
  member.instance_id = Keep(written.group_instance_id);
  member.client_id = written.client_id.view();
  member.client_host = written.client_host.view();
  member.session_timeout_ms = written.session_timeout;
  // Version 0 had one time-out for both.
  member.rebalance_timeout_ms =
      written.rebalance_timeout == -1 ? written.session_timeout : written.rebalance_timeout;
  member.protocols.push_back({std::string(protocol), std::string(written.subscription.view())});
  member.assignment = written.assignment.view();
  return member;
}

}  // namespace

Status GroupShard::Replay(Offset offset, ProducerId producer, std::string_view key,
                          std::optional<std::string_view> value) {
  const int16_t type = kafka::CoordinatorRecordType(key);
  switch (type) {
    case kafka::OffsetCommitKey::kCoordinatorRecordType:
      return ReplayOffset(offset, producer, key, value);
    case kafka::GroupMetadataKey::kCoordinatorRecordType:
      return ReplayGroup(key, value);
    case kafka::LegacyOffsetCommitKey::kCoordinatorRecordType:
      return ReplayLegacyOffset(offset, producer, key, value);
    default:
      break;
  }
  if (const auto foreign = TypeOfForeignRecord(type)) return ReplayForeign(*foreign, key, !value.has_value());
  log::Warning(kModule,
               "record type {} at offset {} is unknown and skipped; a newer broker may have written it", type,
               offset.value());
  return OkStatus();
}

void GroupShard::StoreReplayed(ProducerId producer, const OffsetPlace& place, CommittedOffset offset) {
  if (core_.FindGroup(place.group) == nullptr) core_.CreateGroup(place.group);
  if (producer == kNoProducerId) {
    core_.PutOffset(place.group, place.topic, place.partition, std::move(offset), 0);
    return;
  }
  OffsetKey key{std::string(place.group), std::string(place.topic), place.partition};
  core_.offsets.PutTransactional(producer, std::move(key), std::move(offset));
}

Status GroupShard::ReplayOffset(Offset offset, ProducerId producer, std::string_view key_bytes,
                                std::optional<std::string_view> value_bytes) {
  kafka::OffsetCommitKey key;
  DOHLE_RETURN_IF_ERROR(kafka::DecodeCoordinatorKey(key_bytes, &key));
  if (!value_bytes) {
    core_.EraseOffset(key.group, key.topic, key.partition);
    return OkStatus();
  }
  kafka::OffsetCommitValue value;
  DOHLE_RETURN_IF_ERROR(kafka::DecodeVersionPrefixed(*value_bytes, &value));
  CommittedOffset committed;
  committed.offset = value.offset;
  committed.leader_epoch = value.leader_epoch;
  committed.metadata = value.metadata.view();
  committed.commit_timestamp_ms = value.commit_timestamp;
  committed.expire_timestamp_ms = value.expire_timestamp;
  committed.topic_id = value.topic_id;
  committed.record_offset = offset.value();
  StoreReplayed(producer, {key.group, key.topic, key.partition}, std::move(committed));
  return OkStatus();
}

Status GroupShard::ReplayLegacyOffset(Offset offset, ProducerId producer, std::string_view key_bytes,
                                      std::optional<std::string_view> value_bytes) {
  kafka::LegacyOffsetCommitKey key;
  DOHLE_RETURN_IF_ERROR(kafka::DecodeCoordinatorKey(key_bytes, &key));
  if (!value_bytes) {
    core_.EraseOffset(key.group, key.topic, key.partition);
    return OkStatus();
  }
  kafka::LegacyOffsetCommitValue value;
  DOHLE_RETURN_IF_ERROR(kafka::DecodeVersionPrefixed(*value_bytes, &value));
  CommittedOffset committed;
  committed.offset = value.offset;
  committed.metadata = value.metadata.view();
  committed.commit_timestamp_ms = value.commit_timestamp;
  committed.record_offset = offset.value();
  StoreReplayed(producer, {key.group, key.topic, key.partition}, std::move(committed));
  return OkStatus();
}

Status GroupShard::ReplayGroup(std::string_view key_bytes, std::optional<std::string_view> value_bytes) {
  kafka::GroupMetadataKey key;
  DOHLE_RETURN_IF_ERROR(kafka::DecodeCoordinatorKey(key_bytes, &key));
  Group* existing = core_.FindGroup(key.group);
  if (!value_bytes) {
    if (existing != nullptr && existing->foreign_keys.empty()) core_.RemoveGroup(key.group);
    return OkStatus();
  }
  kafka::GroupMetadataValue value;
  DOHLE_RETURN_IF_ERROR(kafka::DecodeVersionPrefixed(*value_bytes, &value));
  auto group = std::make_unique<Group>(std::string(key.group.view()), core_.now.wall_ms);
  if (existing != nullptr) group->foreign_keys = std::move(existing->foreign_keys);
  std::optional<std::string> protocol_type;
  if (!value.protocol_type.empty()) protocol_type.emplace(value.protocol_type.view());
  group->Restore(value.generation, std::move(protocol_type), Keep(value.protocol), Keep(value.leader),
                 value.current_state_timestamp,
                 value.members.empty() ? GroupState::kEmpty : GroupState::kStable);
  const std::string_view protocol = value.protocol ? value.protocol->view() : "";
  for (const auto& written : value.members) {
    if (group->FindMember(written.member_id) != nullptr) {
      return MakeStatus(StatusCode::kDataLoss, "group {} has member {} twice", group->id(),
                        written.member_id.view());
    }
    group->AddMember(ToMember(written, protocol), value.protocol_type);
  }
  group->ComputeSubscriptions();
  core_.PutGroup(std::move(group));
  return OkStatus();
}

// Keys of all other groups' records begin with the group's id, strings in the old form.
Status GroupShard::ReplayForeign(GroupType type, std::string_view key, bool tombstone) {
  kafka::Reader reader(key);
  reader.Int16();
  const kafka::Text group_id = reader.String(/*flexible=*/false);
  if (!reader.ok()) return reader.status();
  Group* group = core_.FindGroup(group_id);
  if (!tombstone) {
    if (group == nullptr) group = &core_.CreateGroup(group_id);
    if (group->IsSimple()) group->type = type;
    group->foreign_keys.emplace(key);
    return OkStatus();
  }
  if (group == nullptr) return OkStatus();
  group->foreign_keys.erase(std::string(key));
  if (!group->foreign_keys.empty() || group->type == GroupType::kClassic) return OkStatus();
  // Its offsets, if any, are now those of a group without members.
  group->type = GroupType::kClassic;
  if (!core_.offsets.HasAny(group_id)) core_.RemoveGroup(group_id);
  return OkStatus();
}

}  // namespace dohle::coordinator
