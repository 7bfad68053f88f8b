// Volumes that can only become as asked by being made anew: with less room, or of another storage class. One
// broker at a time is emptied, stopped, and comes back on new volumes; others take what it holds meanwhile.
// Pure; what is under way is told by what is seen, so that it goes on under another operator, and is taken
// back when the spec is.
//
// A replica that no other broker can take, as each has one, stays where it is: the broker copies it anew.
// That is safe as long as others are in sync, which is asked before the broker stops, and again before its
// volumes are deleted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/reconcile/kafka/topology.h"
#include "operator/reconcile/volumes/claim.h"
#include "operator/reconcile/volumes/volume_size.h"

namespace dohle::reconcile {

// Why the volume behind a claim has to be made anew; "" if it doesn't.
std::string WhyRenewed(const api::StorageVolume& volume, const Claim& claim, const VolumeSize& size);

struct RenewalCase {
  int32_t broker = 0;
  std::string reason;      // WhyRenewed of its volumes
  int64_t new_bytes = -1;  // what its volumes will have, all together; -1 = unknown
  bool begun = false;      // it is being emptied, or is stopped for it
};

struct RenewalPlan {
  std::optional<int32_t> broker;  // whose volumes are made anew now
  std::string reason;
  struct Waiting {
    int32_t broker = 0;
    std::string reason, blocked_by;
    bool passes = false;  // what blocks it passes by itself
  };
  std::vector<Waiting> waiting;
};

// `members`: all brokers that there shall be. `topology`: null if nobody tells; nothing is begun then.
// `hold`: why nothing may be begun now, nor go on; "" if it may.
RenewalPlan PlanRenewals(const std::vector<RenewalCase>& cases, const std::vector<int32_t>& members,
                         const Topology* topology, const std::string& hold);

// What the broker still waits for before it may be stopped to get its volumes anew: it takes no new
// replicas, those that can be elsewhere are, the others and the quorum can do without it. "": nothing.
std::string WhyNotStopped(const Topology& topology, NodeId id);
// The same for deleting the volumes of one that is stopped: nobody needs what is on them.
std::string WhyNotDeleted(const Topology& topology, NodeId id);
// Some replica is in sync on that broker only: it has to be started again as it was.
bool IsNeeded(const Topology& topology, NodeId id);

}  // namespace dohle::reconcile
