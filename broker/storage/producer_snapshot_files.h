// The `.snapshot` files of a log: one at the base of each segment but the first, and one «stray» at the end
// of the log (clean shutdown) or at a flush, so that a restart replays little.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/storage/producer_state.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

class SegmentList;

class ProducerSnapshotFiles {
 public:
  // `offsets`: of the files that are there.
  explicit ProducerSnapshotFiles(std::vector<Offset> offsets);

  // Writes the state as of its end offset; nothing if that is there already. Not synced.
  Status Take(env::FileSystem& file_system, const std::string& directory, const ProducerStates& states);
  // Loads the latest usable one in (start, end] into `states` (cleared), which then ends there, or begins
  // empty at `start`. Files outside and corrupt ones are deleted.
  Status LoadLatest(env::FileSystem& file_system, const std::string& directory, Offset start, Offset end,
                    ProducerStates& states);
  // Deletes those that are neither at a segment's base nor the latest.
  Status RemoveStrays(env::FileSystem& file_system, const std::string& directory,
                      const SegmentList& segments);
  Status RemoveBelow(env::FileSystem& file_system, const std::string& directory, Offset offset);
  Status RemoveAll(env::FileSystem& file_system, const std::string& directory);
  void Forget(Offset offset) { std::erase(offsets_, offset); }

  std::optional<Offset> latest() const {
    return offsets_.empty() ? std::nullopt : std::optional<Offset>(offsets_.back());
  }
  const std::vector<Offset>& offsets() const { return offsets_; }
  uint64_t bytes_since() const { return bytes_since_; }
  void AddBytes(uint64_t bytes) { bytes_since_ += bytes; }

 private:
  template <typename Condition>
  Status RemoveIf(env::FileSystem& file_system, const std::string& directory, Condition condition);

  std::vector<Offset> offsets_;  // ascending
  uint64_t bytes_since_ = 0;     // appended since the last was taken
};

}  // namespace dohle::storage
