// Volumes of a Cluster's brokers that are made anew (reconcile/volumes/renewal.h): which broker's it is, and
// what is asked of the cluster and of the API server for it. Its removal annotation says how far it is, as
// with brokers that leave (formation.h); but it stays a member, and comes back.
//
//   none -> draining      it is its turn: it is cordoned, and its replicas move away
//   draining -> stopping  nobody misses it: its Pod goes, then its claims
//   (the claims are made anew, without the annotation: it starts, and is opened again)
//   draining, stopping -> none, as with brokers that stay after all: its volumes are as asked again
//
// Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/volume_steps.h"
#include "operator/reconcile/kafka/topology.h"
#include "operator/resources/member.h"

namespace dohle::reconcile {

// Of the members with claims. `hold`: why brokers are left as they are; "" if nothing forbids it.
RenewalPlan RenewalsOf(const ClusterResource& cluster, const LiveObjects& live,
                       const std::vector<resources::Member>& members, const Topology* topology,
                       const std::string& hold);

// How far the one is whose volumes are made anew. `has_pod`: there is a Pod of it.
resources::Removal NextRenewal(const resources::Member& member, bool has_pod, const Topology* topology);

// What is to be done for it now, what is waited for, and who waits for his turn. Its cordon is a matter of
// scale_steps.h. `topology`: null if nobody tells.
std::vector<PlannedStep> PlanRenewal(const ClusterResource& cluster, const Formation& formation,
                                     const LiveObjects& live, const Topology* topology);

// It stops only with a permit of the active controller, as one that restarts: it may hold replicas, and vote.
void PermitStop(const ClusterResource& cluster, const Formation& formation, const Topology* topology,
                int64_t now_ms, std::vector<PlannedStep>* steps);

}  // namespace dohle::reconcile
