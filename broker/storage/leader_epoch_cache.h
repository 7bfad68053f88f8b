// Which leader epoch began at which offset (KIP-101, KIP-279): answers OffsetsForLeaderEpoch and lets a
// follower find where its log leaves the leader's. Kept in `leader-epoch-checkpoint`.
//
// Pure but for Save. Both columns ascend strictly.
#pragma once

#include <string>
#include <vector>

#include "broker/storage/checkpoint_file.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

class LeaderEpochCache {
 public:
  LeaderEpochCache() = default;
  // What the file of a log directory says; empty without one. Entries that contradict earlier ones are left
  // out.
  static StatusOr<LeaderEpochCache> Load(env::FileSystem& file_system, const std::string& directory);

  const std::vector<EpochStart>& entries() const { return entries_; }
  LeaderEpoch latest() const { return entries_.empty() ? kNoLeaderEpoch : entries_.back().epoch; }

  // `epoch` begins at `start_offset`. Entries that this contradicts go (they were never committed). True if
  // anything changed. Negative epochs and offsets are ignored.
  bool Assign(LeaderEpoch epoch, Offset start_offset);
  // Forgets the epochs that begin at or after `end_offset`.
  bool TruncateFromEnd(Offset end_offset);
  // Nothing below `start_offset` is left: the epoch that holds it begins there now.
  bool TruncateFromStart(Offset start_offset);
  bool Clear();

  // kNoLeaderEpoch if the offset lies before all.
  LeaderEpoch EpochFor(Offset offset) const;
  // The largest epoch <= `epoch` and its end, Kafka's LeaderEpochFileCache.endOffsetFor.
  std::pair<LeaderEpoch, Offset> EndOffsetFor(LeaderEpoch epoch, Offset log_end_offset) const;

  // Whole after a crash of the process, safe against a loss of power once synced with the next flush: epochs
  // above the recovery point are found again in the batches.
  Status Save(env::FileSystem& file_system, const std::string& directory) const;

 private:
  std::vector<EpochStart> entries_;
};

}  // namespace dohle::storage
