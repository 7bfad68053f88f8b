// Whether a broker may go: restarts of a Cluster's brokers are to be noticed by no client. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/reconcile/cluster/broker_facts.h"
#include "operator/reconcile/cluster/pod_state.h"

namespace dohle::reconcile {

// Why no broker that serves may be restarted now; "" if one may: all are there and registered, and every
// partition has all of its replicas in sync. A broker that is alone may always. `pods` of the brokers by id,
// seen no earlier than the facts.
std::string WhyNoRestart(const std::vector<PodState>& pods, const Status& facts_status,
                         const ClusterFacts& facts);

}  // namespace dohle::reconcile
