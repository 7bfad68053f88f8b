#include "broker/raft/divergence.h"

#include <algorithm>

namespace dohle::raft {

FetchPosition CheckFetchPosition(const LogView& log, Offset offset, LeaderEpoch epoch) {
  const std::optional<OffsetAndEpoch> snapshot = log.LatestSnapshot();
  // Whoever begins gets the snapshot rather than all the log, unless it is the one that was there before.
  if (offset == Offset(0) && snapshot.has_value() && *snapshot != OffsetAndEpoch()) return {{}, snapshot};
  const Offset start = log.StartOffset();
  if (start == Offset(0) && offset == Offset(0)) return {};
  if (start > Offset(0) && snapshot.has_value()) {
    const LeaderEpoch start_epoch = log.EndOffsetForEpoch(kNoLeaderEpoch).epoch;
    if (offset < start || (offset == start && epoch != start_epoch) || epoch < start_epoch) {
      return {{}, snapshot};
    }
  }
  const OffsetAndEpoch end = log.EndOffsetForEpoch(epoch);
  if (end.epoch != epoch || end.offset < offset) return {end, {}};
  return {};
}

Offset TruncationOffset(const LogView& log, const OffsetAndEpoch& diverging) {
  if (diverging.epoch == LeaderEpoch(0)) return std::min(diverging.offset, log.End().offset);
  const OffsetAndEpoch local = log.EndOffsetForEpoch(diverging.epoch);
  return local.epoch == diverging.epoch ? std::min(local.offset, diverging.offset) : local.offset;
}

}  // namespace dohle::raft
