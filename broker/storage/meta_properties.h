// meta.properties: what a log directory belongs to (KIP-631, KIP-858). Version 1: cluster.id, node.id,
// directory.id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

inline constexpr std::string_view kMetaPropertiesFile = "meta.properties";

struct MetaProperties {
  std::string cluster_id;
  NodeId node_id = kNoNode;
  DirectoryId directory_id;

  friend bool operator==(const MetaProperties&, const MetaProperties&) = default;
};

// As java.util.Properties stores them; `now_ms` is in the comment.
std::string EncodeMetaProperties(const MetaProperties& properties, int64_t now_ms);
// kDataLoss if it is malformed or not of version 1 (version 0 is that of ZooKeeper mode).
StatusOr<MetaProperties> ParseMetaProperties(std::string_view text);

// kNotFound: the directory isn't formatted.
StatusOr<MetaProperties> ReadMetaProperties(env::FileSystem& file_system, const std::string& directory);
// Makes the directory if need be. kAlreadyExists if it is formatted.
Status FormatLogDirectory(env::FileSystem& file_system, const std::string& directory,
                          const MetaProperties& properties, int64_t now_ms);

}  // namespace dohle::storage
