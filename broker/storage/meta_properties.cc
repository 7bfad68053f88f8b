#include "broker/storage/meta_properties.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "absl/time/time.h"

namespace dohle::storage {
namespace {

constexpr size_t kMostBytes = 64 << 10;

// The part of java.util.Properties that such a file can have: comments, key=value or key:value, backslashes.
std::map<std::string, std::string, std::less<>> ParseProperties(std::string_view text) {
  std::map<std::string, std::string, std::less<>> properties;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    std::string parts[2];
    int part = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 1 < line.size()) {
        parts[part].push_back(line[++i]);
      } else if (part == 0 && (line[i] == '=' || line[i] == ':')) {
        part = 1;
      } else {
        parts[part].push_back(line[i]);
      }
    }
    while (!parts[0].empty() && parts[0].back() == ' ') parts[0].pop_back();
    parts[1].erase(0, std::min(parts[1].find_first_not_of(' '), parts[1].size()));
    properties[parts[0]] = parts[1];
  }
  return properties;
}

Status Wrong(std::string_view what) { return MakeStatus(StatusCode::kDataLoss, "meta.properties: {}", what); }

}  // namespace

std::string EncodeMetaProperties(const MetaProperties& properties, int64_t now_ms) {
  const std::string date =
      absl::FormatTime("%a %b %d %H:%M:%S UTC %Y", absl::FromUnixMillis(now_ms), absl::UTCTimeZone());
  return fmt::format("#\n#{}\nnode.id={}\ndirectory.id={}\nversion=1\ncluster.id={}\n", date,
                     properties.node_id.value(), ToString(properties.directory_id), properties.cluster_id);
}

StatusOr<MetaProperties> ParseMetaProperties(std::string_view text) {
  const auto properties = ParseProperties(text);
  const auto get = [&](std::string_view key) {
    const auto found = properties.find(key);
    return found == properties.end() ? std::string_view() : std::string_view(found->second);
  };
  if (get("version") != "1") return Wrong("the version is not 1");
  MetaProperties parsed;
  parsed.cluster_id = get("cluster.id");
  if (parsed.cluster_id.empty()) return Wrong("no cluster.id");
  int32_t node_id = -1;
  const std::string_view node = get("node.id");
  const auto [end, error] = std::from_chars(node.data(), node.data() + node.size(), node_id);
  if (error != std::errc() || end != node.data() + node.size() || node_id < 0) return Wrong("no node.id");
  parsed.node_id = NodeId(node_id);
  // Directories formatted before KIP-858 have none: the zero id.
  if (const std::string_view id = get("directory.id"); !id.empty()) {
    const auto directory_id = Uuid::Parse(id);
    if (!directory_id) return Wrong("malformed directory.id");
    parsed.directory_id = *directory_id;
  }
  return parsed;
}

StatusOr<MetaProperties> ReadMetaProperties(env::FileSystem& file_system, const std::string& directory) {
  const std::string path = env::JoinPath(directory, kMetaPropertiesFile);
  DOHLE_ASSIGN_OR_RETURN(const std::string text, file_system.ReadWhole(path, kMostBytes));
  auto properties = ParseMetaProperties(text);
  if (properties.ok()) return properties;
  return MakeStatus(StatusCode::kDataLoss, "{}: {}", path, Message(properties.status()));
}

Status FormatLogDirectory(env::FileSystem& file_system, const std::string& directory,
                          const MetaProperties& properties, int64_t now_ms) {
  DOHLE_RETURN_IF_ERROR(file_system.CreateDirectories(directory));
  const std::string path = env::JoinPath(directory, kMetaPropertiesFile);
  if (file_system.Exists(path))
    return MakeStatus(StatusCode::kAlreadyExists, "{} is formatted already", directory);
  return file_system.WriteWhole(path, EncodeMetaProperties(properties, now_ms));
}

}  // namespace dohle::storage
