// What must not be lost by healing. Pure.
#pragma once

#include <string>

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// Why a broker that the quorum doesn't hear can't be restarted now, a sentence; "" if it can. Its partitions
// are led by others already, or have no other in-sync replica and can only win. But if it votes, the other
// voters must be a majority that is caught up: else its vote may be all that the quorum still has.
std::string WhyNoRestart(const Topology& topology, NodeId broker);

enum class Emptied {
  kDirectory,  // one of its log directories, which it serves nothing from any more
  kBroker,     // all that it has, the metadata log with its vote too
};

// Why what a broker has on its disk can't be given up, a sentence; "" if it can. Each partition that loses a
// replica by that must keep an in-sync one on a broker that serves, and as many as its min.insync.replicas
// says, unless so many aren't left by its number of replicas. Replicas that a broker of Emptied::kDirectory
// has in sync lie elsewhere on it. A voter goes only while the others are a majority that is caught up, and
// only from a quorum whose voters can change (KIP-853): it comes back as another voter, and never as one that
// has forgotten what it voted for.
std::string WhyNotEmptied(const Topology& topology, NodeId broker, Emptied emptied);

}  // namespace dohle::reconcile
