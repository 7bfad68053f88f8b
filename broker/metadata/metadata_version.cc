// The levels of metadata.version (org.apache.kafka.server.common.MetadataVersion of 4.3.1).
#include <algorithm>
#include <array>

#include "broker/metadata/format.h"

namespace dohle::metadata {
namespace {

struct Level {
  std::string_view name;
  bool metadata_changed;  // records got a meaning that the level before doesn't know
};

constexpr std::array<Level, kLatestMetadataVersion - kMinMetadataVersion + 1> kLevels = {{
    {"3.3-IV3", true},  {"3.4-IV0", true},  {"3.5-IV0", false}, {"3.5-IV1", false}, {"3.5-IV2", true},
    {"3.6-IV0", false}, {"3.6-IV1", true},  {"3.6-IV2", true},  {"3.7-IV0", true},  {"3.7-IV1", false},
    {"3.7-IV2", true},  {"3.7-IV3", false}, {"3.7-IV4", false}, {"3.8-IV0", false}, {"3.9-IV0", false},
    {"4.0-IV0", false}, {"4.0-IV1", true},  {"4.0-IV2", false}, {"4.0-IV3", false}, {"4.1-IV0", false},
    {"4.1-IV1", false}, {"4.2-IV0", false}, {"4.2-IV1", false}, {"4.3-IV0", true},
}};

}  // namespace

std::string_view MetadataVersionName(int16_t level) {
  if (level < kMinMetadataVersion || level > kLatestMetadataVersion) return "";
  return kLevels[static_cast<size_t>(level - kMinMetadataVersion)].name;
}

std::optional<int16_t> MetadataVersionByName(std::string_view name) {
  // From the newest: a release stands for the last of its levels.
  for (int16_t level = kLatestMetadataVersion; level >= kMinMetadataVersion; --level) {
    const std::string_view known = MetadataVersionName(level);
    if (known == name || known.substr(0, known.find('-')) == name) return level;
    // "4.3.1"
    const std::string_view release = known.substr(0, known.find('-'));
    if (name.starts_with(release) && name.size() > release.size() && name[release.size()] == '.')
      return level;
  }
  return std::nullopt;
}

bool MetadataChangedBetween(int16_t to, int16_t from) {
  for (int16_t level = static_cast<int16_t>(std::max<int16_t>(to, kMinMetadataVersion - 1) + 1);
       level <= std::min(from, kLatestMetadataVersion); ++level) {
    if (kLevels[static_cast<size_t>(level - kMinMetadataVersion)].metadata_changed) return true;
  }
  return false;
}

const SupportedFeatures& BrokerSupportedFeatures() {
  // What Apache Kafka 4.3.1 registers: a broker whose ranges don't hold what is finalized can't join, so a
  // directory that Apache wrote would be refused with less. What isn't served is refused at its API.
  static const SupportedFeatures kSupported = {
      {std::string(kMetadataVersion), {kMinMetadataVersion, kLatestMetadataVersion}},
      {std::string(kKraftVersion), {0, 1}},
      {std::string(kElrVersion), {0, 1}},
      {std::string(kGroupVersion), {0, 1}},
      {std::string(kShareVersion), {0, 1}},
      {std::string(kStreamsVersion), {0, 1}},
      {std::string(kTransactionVersion), {0, 2}},
  };
  return kSupported;
}

}  // namespace dohle::metadata
