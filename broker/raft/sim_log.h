// For tests: the replicated log as a vector, with what of it is on the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "broker/raft/log_view.h"
#include "broker/raft/types.h"

namespace dohle::raft {

struct SimRecord {
  LeaderEpoch epoch{0};
  uint64_t value = 0;
  std::optional<VoterSet> voters;  // a KRaftVoters record

  friend bool operator==(const SimRecord&, const SimRecord&) = default;
};

struct SimSnapshot {
  OffsetAndEpoch id;
  VoterSet voters;
};

class SimLog : public LogView {
 public:
  explicit SimLog(VoterSet formatted_with) { snapshot_.voters = std::move(formatted_with); }

  OffsetAndEpoch End() const override;
  Offset StartOffset() const override { return snapshot_.id.offset; }
  std::optional<OffsetAndEpoch> LatestSnapshot() const override { return snapshot_.id; }
  OffsetAndEpoch EndOffsetForEpoch(LeaderEpoch epoch) const override;

  // At offsets from StartOffset() to End().
  const SimRecord& At(Offset offset) const;
  LeaderEpoch EpochBefore(Offset offset) const;
  void Append(SimRecord record) { records_.push_back(std::move(record)); }
  void TruncateTo(Offset offset);
  // What is below `offset`, which is committed, becomes a snapshot.
  void TakeSnapshot(Offset offset);
  void Install(const SimSnapshot& snapshot);
  const SimSnapshot& snapshot() const { return snapshot_; }

  // The newest record of voters below `offset`, and where it stands: kNoOffset if it is the snapshot's.
  std::pair<VoterSet, Offset> VotersBefore(Offset offset) const;

  Offset flushed() const { return flushed_; }
  void Flush(Offset offset) { flushed_ = std::max(flushed_, std::min(offset, End().offset)); }

 private:
  SimSnapshot snapshot_;  // the log begins behind it
  std::vector<SimRecord> records_;
  Offset flushed_{0};
};

}  // namespace dohle::raft
