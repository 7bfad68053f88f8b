// Which brokers may be away at the same time, and how many at once get a roll done soonest. Pure.
//
// Two brokers conflict if a partition needs one of them while the other is away. Waves are the colours of a
// greedy colouring of that graph, made better by doing it again in the order of its own colours (iterated
// greedy: it never gets worse).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// A voter that hasn't had all of the metadata log for longer is not counted upon.
inline constexpr int64_t kVoterLagLimitMs = 5'000;

struct Wave {
  std::vector<NodeId> brokers;  // ascending, `last` at the end; empty: nobody may go now, `reason` says why
  std::string reason;           // a sentence: why these and no others
  size_t waves_after = 0;       // as far as can be told now
};

// Of `candidates` (registered, in the topology) at most `width` at a time. While a wave is away each
// partition keeps as many in-sync replicas as min.insync.replicas says, and one at least, and the quorum a
// majority of voters that have caught up. What can't be kept up whoever goes (RF 1, RF not above the minimum,
// a quorum of one or two) makes its brokers go alone. `last` goes with the last wave, if it is a candidate.
// Takes some 10 ms for 100 brokers and 100,000 partitions.
Wave NextWave(const Topology& topology, const std::vector<NodeId>& candidates, size_t width,
              NodeId last = kNoNode);

}  // namespace dohle::reconcile
