// What the state machine has to know of the replicated log. The driver's log says it as of now; in tests a
// vector does.
#pragma once

#include <optional>

#include "broker/raft/types.h"

namespace dohle::raft {

class LogView {
 public:
  virtual ~LogView() = default;
  // Where the log ends, and the epoch of the last record before (of the snapshot, if the log is empty).
  virtual OffsetAndEpoch End() const = 0;
  virtual Offset StartOffset() const = 0;
  virtual std::optional<OffsetAndEpoch> LatestSnapshot() const = 0;
  // The largest epoch not above the asked one, and where it ends (exclusive). {start, its epoch} if all
  // epochs are larger.
  virtual OffsetAndEpoch EndOffsetForEpoch(LeaderEpoch epoch) const = 0;
};

}  // namespace dohle::raft
