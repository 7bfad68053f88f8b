#include "broker/storage/producer_snapshot_files.h"

#include <algorithm>

#include "broker/storage/checkpoint_file.h"
#include "broker/storage/file_names.h"
#include "broker/storage/segment_list.h"
#include "lib/base/log.h"

namespace dohle::storage {
namespace {

std::string PathOf(const std::string& directory, Offset offset) {
  return env::JoinPath(directory, SegmentFileName(offset, kSnapshotSuffix));
}

}  // namespace

ProducerSnapshotFiles::ProducerSnapshotFiles(std::vector<Offset> offsets) : offsets_(std::move(offsets)) {
  std::sort(offsets_.begin(), offsets_.end());
}

Status ProducerSnapshotFiles::Take(env::FileSystem& file_system, const std::string& directory,
                                   const ProducerStates& states) {
  const Offset offset = states.end_offset();
  if (latest().value_or(Offset(0)) >= offset) return OkStatus();
  DOHLE_RETURN_IF_ERROR(ReplaceFileUnsynced(file_system, PathOf(directory, offset),
                                            EncodeProducerSnapshot(states.producers())));
  offsets_.push_back(offset);
  bytes_since_ = 0;
  return OkStatus();
}

template <typename Condition>
Status ProducerSnapshotFiles::RemoveIf(env::FileSystem& file_system, const std::string& directory,
                                       Condition condition) {
  std::vector<Offset> kept;
  for (const Offset offset : offsets_) {
    if (condition(offset)) {
      DOHLE_RETURN_IF_ERROR(file_system.Remove(PathOf(directory, offset)));
    } else {
      kept.push_back(offset);
    }
  }
  offsets_ = std::move(kept);
  return OkStatus();
}

Status ProducerSnapshotFiles::LoadLatest(env::FileSystem& file_system, const std::string& directory,
                                         Offset start, Offset end, ProducerStates& states) {
  DOHLE_RETURN_IF_ERROR(
      RemoveIf(file_system, directory, [&](Offset offset) { return offset > end || offset <= start; }));
  while (!offsets_.empty()) {
    const std::string path = PathOf(directory, offsets_.back());
    states.Clear();
    auto bytes = file_system.ReadWhole(path);
    Status loaded = bytes.ok() ? LoadProducerSnapshot(*bytes, states) : bytes.status();
    if (loaded.ok()) {
      states.set_end_offset(offsets_.back());
      return OkStatus();
    }
    const bool unusable = loaded.code() == StatusCode::kDataLoss || loaded.code() == StatusCode::kNotFound;
    if (!unusable) return loaded;
    log::Warning("storage", "{}: {}; using the one before", path, Message(loaded));
    DOHLE_RETURN_IF_ERROR(file_system.Remove(path));
    offsets_.pop_back();
  }
  states.Clear();
  states.set_end_offset(start);
  return OkStatus();
}

Status ProducerSnapshotFiles::RemoveStrays(env::FileSystem& file_system, const std::string& directory,
                                           const SegmentList& segments) {
  const std::optional<Offset> last = latest();
  return RemoveIf(file_system, directory,
                  [&](Offset offset) { return offset != *last && !segments.HasBase(offset); });
}

Status ProducerSnapshotFiles::RemoveBelow(env::FileSystem& file_system, const std::string& directory,
                                          Offset offset) {
  return RemoveIf(file_system, directory, [&](Offset own) { return own < offset; });
}

Status ProducerSnapshotFiles::RemoveAll(env::FileSystem& file_system, const std::string& directory) {
  return RemoveIf(file_system, directory, [](Offset) { return true; });
}

}  // namespace dohle::storage
