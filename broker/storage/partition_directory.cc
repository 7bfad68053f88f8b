#include "broker/storage/partition_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/storage/file_names.h"

namespace dohle::storage {
namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr size_t kUniqueDigits = 32;

std::string_view SuffixOf(PartitionDirectoryKind kind) {
  switch (kind) {
    case PartitionDirectoryKind::kFuture:
      return "-future";
    case PartitionDirectoryKind::kDelete:
      return "-delete";
    case PartitionDirectoryKind::kStray:
      return "-stray";
    case PartitionDirectoryKind::kCurrent:
      break;
  }
  return "";
}

}  // namespace

std::optional<PartitionDirectoryName> ParsePartitionDirectoryName(std::string_view name) {
  PartitionDirectoryName parsed;
  for (const auto kind :
       {PartitionDirectoryKind::kFuture, PartitionDirectoryKind::kDelete, PartitionDirectoryKind::kStray}) {
    const std::string_view suffix = SuffixOf(kind);
    if (!name.ends_with(suffix)) continue;
    const std::string_view rest = name.substr(0, name.size() - suffix.size());
    if (rest.size() <= kUniqueDigits || rest[rest.size() - kUniqueDigits - 1] != '.') return std::nullopt;
    parsed.kind = kind;
    name = rest.substr(0, rest.size() - kUniqueDigits - 1);
    break;
  }
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  int32_t partition = -1;
  const auto [end, error] = std::from_chars(name.data() + dash + 1, name.data() + name.size(), partition);
  if (error != std::errc() || end != name.data() + name.size() || partition < 0) return std::nullopt;
  parsed.partition = {std::string(name.substr(0, dash)), PartitionIndex(partition)};
  return parsed;
}

std::string PartitionDirectoryNameOf(const TopicPartition& partition, PartitionDirectoryKind kind,
                                     const Uuid& unique) {
  if (kind == PartitionDirectoryKind::kCurrent) return ToString(partition);
  std::string suffix = fmt::format("-{}.", partition.partition.value());
  for (const uint8_t byte : unique.bytes()) suffix += fmt::format("{:02x}", byte);
  suffix += SuffixOf(kind);
  return partition.topic.substr(0, std::min(partition.topic.size(), kMaxNameBytes - suffix.size())) + suffix;
}

std::string EncodePartitionMetadata(const TopicId& topic_id) {
  return fmt::format("version: 0\ntopic_id: {}", ToString(topic_id));
}

StatusOr<TopicId> ParsePartitionMetadata(std::string_view text) {
  constexpr std::string_view kStart = "version: 0\ntopic_id: ";
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.starts_with(kStart)) {
    if (const auto id = Uuid::Parse(text.substr(kStart.size())); id && !id->is_zero()) return *id;
  }
  return MakeStatus(StatusCode::kDataLoss, "malformed partition.metadata");
}

StatusOr<TopicId> ReadPartitionMetadata(env::FileSystem& file_system, const std::string& directory) {
  const std::string path = env::JoinPath(directory, kPartitionMetadataFile);
  auto text = file_system.ReadWhole(path);
  if (text.status().code() == StatusCode::kNotFound) return TopicId();
  if (!text.ok()) return text.status();
  auto id = ParsePartitionMetadata(*text);
  if (id.ok()) return id;
  return MakeStatus(StatusCode::kDataLoss, "{}: {}", path, Message(id.status()));
}

}  // namespace dohle::storage
