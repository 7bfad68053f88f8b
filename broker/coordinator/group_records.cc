#include "broker/coordinator/group_records.h"

#include "broker/coordinator/group.h"
#include "lib/base/check.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/messages/group_metadata_key.h"
#include "lib/kafka/messages/group_metadata_value.h"
#include "lib/kafka/messages/offset_commit_key.h"
#include "lib/kafka/messages/offset_commit_value.h"

namespace dohle::coordinator {
namespace {

constexpr int16_t kGroupValueVersion = 3;
constexpr int16_t kOffsetValueVersion = 4;
constexpr int16_t kOffsetValueVersionWithExpiry = 1;  // the only version that can say when it expires

std::string GroupKey(std::string_view group_id) {
  kafka::GroupMetadataKey key;
  key.group = group_id;
  return kafka::EncodeCoordinatorKey(key);
}

std::string OffsetKeyBytes(std::string_view group_id, std::string_view topic, int32_t partition) {
  kafka::OffsetCommitKey key;
  key.group = group_id;
  key.topic = topic;
  key.partition = partition;
  return kafka::EncodeCoordinatorKey(key);
}

std::optional<kafka::Text> Borrow(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return kafka::Text(*text);
}

}  // namespace

Record GroupRecord(const Group& group, const StringMap<std::string>& assignments) {
  kafka::GroupMetadataValue value;
  value.protocol_type = group.protocol_type() ? std::string_view(*group.protocol_type()) : "";
  value.generation = group.generation();
  value.protocol = Borrow(group.protocol_name());
  value.leader = Borrow(group.leader());
  value.current_state_timestamp = group.state_timestamp_ms();
  value.members.reserve(group.members().size());
  for (const Member& member : group.members()) {
    auto& written = value.members.emplace_back();
    written.member_id = member.id;
    written.group_instance_id = Borrow(member.instance_id);
    written.client_id = member.client_id;
    written.client_host = member.client_host;
    written.rebalance_timeout = member.rebalance_timeout_ms;
    written.session_timeout = member.session_timeout_ms;
    DOHLE_CHECK(group.protocol_name());
    if (const std::string* metadata = member.MetadataFor(*group.protocol_name())) {
      written.subscription = *metadata;
    }
    const auto assignment = assignments.find(member.id);
    if (assignment != assignments.end()) written.assignment = assignment->second;
  }
  return {GroupKey(group.id()), kafka::EncodeVersionPrefixed(value, kGroupValueVersion)};
}

Record EmptyGroupRecord(const Group& group) {
  kafka::GroupMetadataValue value;
  value.protocol.reset();
  value.leader.reset();
  value.current_state_timestamp = group.state_timestamp_ms();
  return {GroupKey(group.id()), kafka::EncodeVersionPrefixed(value, kGroupValueVersion)};
}

Record GroupTombstone(std::string_view group_id) { return {GroupKey(group_id), std::nullopt}; }

Record OffsetRecord(std::string_view group_id, std::string_view topic, int32_t partition,
                    const CommittedOffset& offset) {
  kafka::OffsetCommitValue value;
  value.offset = offset.offset;
  value.leader_epoch = offset.leader_epoch;
  value.metadata = offset.metadata;
  value.commit_timestamp = offset.commit_timestamp_ms;
  value.expire_timestamp = offset.expire_timestamp_ms;
  value.topic_id = offset.topic_id;
  const int16_t version =
      offset.expire_timestamp_ms == kNoExpiry ? kOffsetValueVersion : kOffsetValueVersionWithExpiry;
  return {OffsetKeyBytes(group_id, topic, partition), kafka::EncodeVersionPrefixed(value, version)};
}

Record OffsetTombstone(std::string_view group_id, std::string_view topic, int32_t partition) {
  return {OffsetKeyBytes(group_id, topic, partition), std::nullopt};
}

std::optional<GroupType> TypeOfForeignRecord(int16_t record_type) {
  if ((record_type >= 3 && record_type <= 8) || record_type == 16) return GroupType::kConsumer;
  if (record_type >= 10 && record_type <= 15) return GroupType::kShare;
  if (record_type == 17 || (record_type >= 19 && record_type <= 23)) return GroupType::kStreams;
  return std::nullopt;
}

bool AddSubscribedTopics(std::string_view metadata, std::set<std::string, std::less<>>* topics) {
  kafka::Reader reader(metadata);
  reader.Int16();  // its version
  const int64_t count = reader.ArrayLength(/*flexible=*/false, /*nullable=*/false, sizeof(int16_t));
  for (int64_t i = 0; i < count && reader.ok(); ++i) {
    const kafka::Text topic = reader.String(/*flexible=*/false);
    if (reader.ok()) topics->emplace(topic.view());
  }
  return reader.ok();
}

}  // namespace dohle::coordinator
