#include "broker/coordinator/shard_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <regex>
#include <set>

#include "broker/coordinator/group_records.h"
#include "lib/base/check.h"
#include "lib/base/text_list.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/messages/group_metadata_key.h"
#include "lib/kafka/messages/group_metadata_value.h"
#include "lib/kafka/messages/offset_commit_key.h"
#include "lib/kafka/messages/offset_commit_value.h"

namespace dohle::coordinator {

std::vector<std::string> Split(std::string_view text, char separator) {
  const std::vector<std::string_view> parts = NonEmptyParts(text, separator);
  return {parts.begin(), parts.end()};
}

int64_t Number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  DOHLE_CHECK(error == std::errc() && end == text.data() + text.size());
  return value;
}

namespace {

// The ids that CountingRandom leads to: "#7" instead of the UUID made of 13 and 14, little endian.
std::string LongId(uint64_t number) {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>((2 * number - 1) >> (8 * i));
    bytes[8 + i] = static_cast<uint8_t>((2 * number) >> (8 * i));
  }
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

}  // namespace

std::string Lengthen(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (text[0] != '#') {
      result.push_back(text[0]);
      text.remove_prefix(1);
      continue;
    }
    size_t digits = 1;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    result += LongId(static_cast<uint64_t>(Number(text.substr(1, digits - 1))));
    text.remove_prefix(digits);
  }
  return result;
}

std::string Shorten(std::string text) {
  static const std::regex kUuid(
      "-([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})00-0000-4000-[0-9a-f]{4}-[0-9a-f]{12}");
  std::string result;
  std::smatch match;
  while (std::regex_search(text, match, kUuid)) {
    result += match.prefix();
    result += fmt::format(
        "#{}", (std::stoull(match[3].str() + match[2].str() + match[1].str(), nullptr, 16) + 1) / 2);
    text = match.suffix();
  }
  return result + text;
}

std::string ErrorText(int16_t code) { return std::string(kafka::Name(static_cast<kafka::ErrorCode>(code))); }

std::string_view Show(const std::optional<kafka::Text>& text) { return text ? text->view() : "null"; }

// A subscription of the consumer's protocol to `topics`, "a+b".
std::string Subscription(std::string_view topics) {
  kafka::Writer writer;
  writer.Int16(0);
  const std::vector<std::string> names = Split(topics, '+');
  writer.Int32(static_cast<int32_t>(names.size()));
  for (const std::string& name : names) writer.String(name, false);
  writer.Int32(-1);
  return writer.Finish().bytes;
}

std::string ShowMetadata(std::string_view metadata) {
  std::set<std::string, std::less<>> topics;
  if (metadata.size() < 10 || !AddSubscribedTopics(metadata, &topics)) return std::string(metadata);
  std::string text;
  for (const std::string& topic : topics) text += (text.empty() ? "" : "+") + topic;
  return text;
}

std::string ShowRecord(const Record& record) {
  const int16_t type = kafka::CoordinatorRecordType(record.key);
  if (type == kafka::GroupMetadataKey::kCoordinatorRecordType) {
    kafka::GroupMetadataKey key;
    DOHLE_CHECK(kafka::DecodeCoordinatorKey(record.key, &key).ok());
    if (!record.value) return fmt::format("group {} tombstone", key.group.view());
    kafka::GroupMetadataValue value;
    int16_t version = 0;
    DOHLE_CHECK(kafka::DecodeVersionPrefixed(*record.value, &value, &version).ok());
    std::string text = fmt::format("group {} v{} generation={} type={} protocol={} leader={} since={} [",
                                   key.group.view(), version, value.generation, value.protocol_type.view(),
                                   Show(value.protocol), Show(value.leader), value.current_state_timestamp);
    for (const auto& member : value.members) {
      if (text.back() != '[') text += " ";
      text += fmt::format("{}/{}={}", member.member_id.view(), ShowMetadata(member.subscription),
                          member.assignment.view());
    }
    return text + "]";
  }
  if (type == kafka::OffsetCommitKey::kCoordinatorRecordType) {
    kafka::OffsetCommitKey key;
    DOHLE_CHECK(kafka::DecodeCoordinatorKey(record.key, &key).ok());
    const std::string name =
        fmt::format("offset {} {}-{}", key.group.view(), key.topic.view(), key.partition);
    if (!record.value) return name + " tombstone";
    kafka::OffsetCommitValue value;
    int16_t version = 0;
    DOHLE_CHECK(kafka::DecodeVersionPrefixed(*record.value, &value, &version).ok());
    return name + fmt::format(" v{} offset={} epoch={} metadata='{}' at={} expires={}", version, value.offset,
                              value.leader_epoch, value.metadata.view(), value.commit_timestamp,
                              value.expire_timestamp);
  }
  return fmt::format("record of type {}{}", type, record.value ? "" : " tombstone");
}

namespace {

struct ReplyText {
  std::string operator()(const kafka::JoinGroupResponse& r) const {
    if (r.error_code != 0) return fmt::format("{} member={}", ErrorText(r.error_code), r.member_id.view());
    std::string text =
        fmt::format("joined generation={} type={} protocol={} leader={} member={}", r.generation_id,
                    Show(r.protocol_type), Show(r.protocol_name), r.leader.view(), r.member_id.view());
    if (r.skip_assignment) text += " skip-assignment";
    for (const auto& member : r.members) {
      text += fmt::format(" {}/{}", member.member_id.view(), ShowMetadata(member.metadata));
      if (member.group_instance_id) text += fmt::format("({})", member.group_instance_id->view());
    }
    return text;
  }
  std::string operator()(const kafka::SyncGroupResponse& r) const {
    if (r.error_code != 0) return ErrorText(r.error_code);
    return fmt::format("synced protocol={} assignment={}", Show(r.protocol_name), r.assignment.view());
  }
  std::string operator()(const kafka::HeartbeatResponse& r) const { return ErrorText(r.error_code); }
  std::string operator()(const kafka::LeaveGroupResponse& r) const {
    std::string text = ErrorText(r.error_code);
    for (const auto& member : r.members) {
      text += fmt::format(" {}({})={}", member.member_id.view(), Show(member.group_instance_id),
                          ErrorText(member.error_code));
    }
    return text;
  }
  std::string operator()(const kafka::OffsetCommitResponse& r) const {
    std::string text = "committed";
    for (const auto& topic : r.topics) {
      for (const auto& partition : topic.partitions) {
        text += fmt::format(" {}-{}={}", topic.name.view(), partition.partition_index,
                            ErrorText(partition.error_code));
      }
    }
    return text;
  }
  std::string operator()(const FetchedGroup& r) const {
    std::string text = "fetched " + ErrorText(r.error_code);
    for (const auto& topic : r.topics) {
      for (const auto& partition : topic.partitions) {
        text += fmt::format(" {}-{}={}", topic.name.view(), partition.partition_index,
                            partition.committed_offset);
        if (partition.metadata && !partition.metadata->empty())
          text += fmt::format("'{}'", partition.metadata->view());
        if (partition.error_code != 0) text += ":" + ErrorText(partition.error_code);
      }
    }
    return text;
  }
  std::string operator()(const kafka::OffsetDeleteResponse& r) const {
    std::string text = "deleted " + ErrorText(r.error_code);
    for (const auto& topic : r.topics) {
      for (const auto& partition : topic.partitions) {
        text += fmt::format(" {}-{}={}", topic.name.view(), partition.partition_index,
                            ErrorText(partition.error_code));
      }
    }
    return text;
  }
  std::string operator()(const kafka::DeleteGroupsResponse& r) const {
    std::string text = "deleted";
    for (const auto& result : r.results)
      text += fmt::format(" {}={}", result.group_id.view(), ErrorText(result.error_code));
    return text;
  }
};

}  // namespace

std::string ShowResponse(const Response& response) { return std::visit(ReplyText(), response); }

}  // namespace dohle::coordinator
