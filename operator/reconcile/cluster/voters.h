// Who votes in the metadata quorum: one change at a time (KIP-853), each only when the quorum survives it.
// Pure.
//
// A voter is added before another one is removed, so that there are never fewer than before. A voter must go
// when its broker leaves or isn't there any more, when its disk was replaced (the same node follows under
// another directory id), or when it has been away for long and somebody else can take its place; and when
// there are more voters than wanted. The active controller goes last.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// A voter that is further behind doesn't count as one that can agree.
inline constexpr int64_t kCaughtUpMs = 10'000;
// A voter that was away for so long is replaced.
inline constexpr int64_t kLostVoterMs = 120'000;

struct VoterChange {
  enum class Kind {
    kNone,
    kAdd,
    kRemove,
    kWait,  // a change is wanted and not safe now; `reason` says why
  };
  Kind kind = Kind::kNone;
  NodeId id = kNoNode;
  DirectoryId directory;
  std::string reason;  // a sentence
};

// `wanted` of the `candidates` (brokers that are there and stay, by id, with their racks) shall vote.
VoterChange NextVoterChange(const QuorumPlace& quorum, const std::map<NodeId, std::string>& candidates,
                            int32_t wanted);

}  // namespace dohle::reconcile
