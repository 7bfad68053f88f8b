// The directories of partitions within a log directory: their names, and partition.metadata in them
// (KIP-516).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

enum class PartitionDirectoryKind {
  kCurrent,  // topic-0
  kFuture,   // topic-0.<32 hex digits>-future: being moved here from another directory (KIP-113)
  kDelete,   // topic-0.<32 hex digits>-delete: to be removed
  kStray,    // topic-0.<32 hex digits>-stray: the cluster doesn't know it, kept for the operator
};

struct PartitionDirectoryName {
  TopicPartition partition;
  PartitionDirectoryKind kind = PartitionDirectoryKind::kCurrent;
};

// Nothing if it is no partition's directory. A topic cut short in a -delete name comes back as it stands.
std::optional<PartitionDirectoryName> ParsePartitionDirectoryName(std::string_view name);
// At most 255 bytes: the topic is cut if need be, as Kafka does. `unique` for all kinds but kCurrent.
std::string PartitionDirectoryNameOf(const TopicPartition& partition, PartitionDirectoryKind kind,
                                     const Uuid& unique);

std::string EncodePartitionMetadata(const TopicId& topic_id);
StatusOr<TopicId> ParsePartitionMetadata(std::string_view text);
// The zero id if there is no such file.
StatusOr<TopicId> ReadPartitionMetadata(env::FileSystem& file_system, const std::string& directory);

}  // namespace dohle::storage
