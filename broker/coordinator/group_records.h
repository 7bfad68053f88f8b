// The records of __consumer_offsets: keys and values as Kafka 4.3.1 writes them
// (GroupCoordinatorRecordHelpers: GroupMetadataValue version 3, OffsetCommitValue version 4, or 1 if the
// commit brought its own retention).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "broker/coordinator/offset_store.h"
#include "lib/base/string_map.h"

namespace dohle::coordinator {

class Group;
enum class GroupType : uint8_t;

struct Record {
  std::string key;
  std::optional<std::string> value;  // nothing: a tombstone
};

// Of the group as it stands, which has a protocol if it has members. `assignments` by member id; a member
// without one is written with an empty one.
Record GroupRecord(const Group& group, const StringMap<std::string>& assignments);
Record EmptyGroupRecord(const Group& group);  // of a group that has just been created
Record GroupTombstone(std::string_view group_id);
Record OffsetRecord(std::string_view group_id, std::string_view topic, int32_t partition,
                    const CommittedOffset& offset);
Record OffsetTombstone(std::string_view group_id, std::string_view topic, int32_t partition);

// Which group type keeps records of `record_type`; nothing for types that we don't know.
std::optional<GroupType> TypeOfForeignRecord(int16_t record_type);

// Adds the topics of a ConsumerProtocolSubscription behind its version; false if malformed. Only the fields
// of version 0 are read, with which every version begins.
bool AddSubscribedTopics(std::string_view metadata, std::set<std::string, std::less<>>* topics);

}  // namespace dohle::coordinator
