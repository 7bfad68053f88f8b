// Names of the files in a partition's directory (org.apache.kafka.storage.internals.log.LogFileUtils).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/ids.h"

namespace dohle::storage {

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTransactionIndexSuffix = ".txnindex";
inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
inline constexpr std::string_view kDeletedSuffix = ".deleted";
inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";
inline constexpr std::string_view kLeaderEpochFile = "leader-epoch-checkpoint";
inline constexpr std::string_view kPartitionMetadataFile = "partition.metadata";

// "00000000000000000042.log"
std::string SegmentFileName(Offset base_offset, std::string_view suffix);

struct SegmentFileParts {
  Offset base_offset;
  std::string_view suffix;  // from the first dot on: ".log", ".index.swap", …
};
// Nothing if the name doesn't begin with 20 digits and a dot (or the number is none of 64 bits).
std::optional<SegmentFileParts> ParseSegmentFileName(std::string_view name);

}  // namespace dohle::storage
