// Where two logs part: what a leader answers to a fetch, and where a follower cuts its log (KIP-595,
// KIP-630). Pure.
#pragma once

#include <optional>

#include "broker/raft/log_view.h"
#include "broker/raft/types.h"

namespace dohle::raft {

// At most one is set; neither: the replica's log is a prefix of the leader's.
struct FetchPosition {
  std::optional<OffsetAndEpoch> diverging;
  std::optional<OffsetAndEpoch> snapshot;
};

// `offset` is where the replica's log ends, `epoch` that of its last record.
FetchPosition CheckFetchPosition(const LogView& log, Offset offset, LeaderEpoch epoch);

// Where to cut a log of which the leader says that it diverges at `diverging`.
Offset TruncationOffset(const LogView& log, const OffsetAndEpoch& diverging);

}  // namespace dohle::raft
