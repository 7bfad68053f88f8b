// Kafka's small text files. Checkpoints: a version line ("0"), a count, one line an entry
// (org.apache.kafka.server.common.CheckpointFile): offsets by partition, offsets by leader epoch.
//
// Parsers take bytes from outside: kDataLoss says what is wrong and in which line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

// recovery-point-, log-start-, replication- and cleaner-offset-checkpoint
using OffsetCheckpoint = std::map<TopicPartition, Offset>;
std::string EncodeOffsetCheckpoint(const OffsetCheckpoint& offsets);
StatusOr<OffsetCheckpoint> ParseOffsetCheckpoint(std::string_view text);
// Empty if there is no such file, or an empty one.
StatusOr<OffsetCheckpoint> ReadOffsetCheckpoint(env::FileSystem& file_system, const std::string& path);

struct EpochStart {
  LeaderEpoch epoch;
  Offset start_offset;

  friend bool operator==(const EpochStart&, const EpochStart&) = default;
};
// leader-epoch-checkpoint
std::string EncodeEpochCheckpoint(const std::vector<EpochStart>& epochs);
StatusOr<std::vector<EpochStart>> ParseEpochCheckpoint(std::string_view text);

// Replaces a file so that after a crash of this process it is there whole, old or new; after a loss of power
// only once it is synced.
Status ReplaceFileUnsynced(env::FileSystem& file_system, const std::string& path, std::string_view content);

}  // namespace dohle::storage
