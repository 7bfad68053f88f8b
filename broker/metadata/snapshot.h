// Snapshots of the metadata log (KIP-630): `%020d-%010d.checkpoint`, end offset and epoch, a sequence of
// record batches: SnapshotHeader with KRaftVersion and KRaftVoters, the records of the image, SnapshotFooter.
//
// All of it blocks: I/O threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/metadata/log_replay.h"
#include "lib/env/file_system.h"

namespace dohle::metadata {

std::string SnapshotFileName(const raft::OffsetAndEpoch& id);
// Nothing if that isn't the name of a finished snapshot.
std::optional<raft::OffsetAndEpoch> ParseSnapshotFileName(std::string_view name);

struct SnapshotFile {
  raft::OffsetAndEpoch id;
  std::string path;
  uint64_t size_bytes = 0;
};
// The finished ones, oldest first.
StatusOr<std::vector<SnapshotFile>> ListSnapshots(env::FileSystem& file_system, const std::string& directory);
// What an interrupted writer, download or deletion left (*.part, *.tmp, *.deleted). When nothing of that is
// under way.
Status RemoveUnfinishedSnapshots(env::FileSystem& file_system, const std::string& directory);

// Reads all of it into `replay`, whose provenance becomes that of the snapshot. kDataLoss if it is broken or
// ends early.
Status ReadSnapshot(env::FileSystem& file_system, const SnapshotFile& file, LogReplay* replay);

// Writes `image` as a snapshot of the log up to `id`; appears under its name whole or not at all. OK and
// nothing if it is there already.
Status WriteSnapshot(env::FileSystem& file_system, const std::string& directory,
                     const raft::OffsetAndEpoch& id, const MetadataImage& image, const ControlState& control,
                     int64_t now_ms);

// `bytes` as a snapshot of that path. As Apache Kafka leaves its own, it is for the owner to read only.
Status WriteSnapshotFile(env::FileSystem& file_system, const std::string& path, std::string_view bytes);

// The bytes of a snapshot of framed records: also the form of bootstrap.checkpoint, where `control` is null.
StatusOr<std::string> EncodeSnapshot(LeaderEpoch epoch, const ControlState* control,
                                     int64_t last_timestamp_ms, const std::vector<std::string>& records,
                                     int64_t now_ms);

}  // namespace dohle::metadata
