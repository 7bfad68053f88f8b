// Evens out what replicas put on brokers, by moving as little as will do. Pure.
#pragma once

#include "operator/reconcile/balancing/load_bands.h"
#include "operator/reconcile/balancing/placement.h"

namespace dohle::reconcile {

// Moves replicas in `placement` until all brokers are within the bands or no move is worth its bytes: of
// replicas wherever they are (counts, bytes, bytes in, topics). Each move makes it better, so it ends.
void BalanceReplicas(const LoadBands& bands, Placement& placement);

// Chooses leaders among the replicas that there are: costs nothing but their change.
void BalanceLeaders(const LoadBands& bands, Placement& placement);

// Moves leaders' replicas where choosing didn't do; never to the cost of what BalanceReplicas reached.
void BalanceLeadersByMoves(const LoadBands& bands, Placement& placement);

}  // namespace dohle::reconcile
