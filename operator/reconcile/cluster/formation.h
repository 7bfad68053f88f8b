// Which brokers a Cluster has, which of them run and which quorum they form: what is asked for, as far as the
// data that is there and what it is used for allow it. Pure.
//
// A claim that bears a broker's id says that there is that broker, but for those whose removal is done. New
// brokers get the lowest ids that are free. Of too many those go first that the annotation
// dohle.dev/remove-brokers of the Cluster names, then those with the highest ids. What was begun is found
// again in the claims' removal annotation (resources/member.h), so that it goes on after a restart of the
// operator and is undone when the brokers are wanted after all:
//
//   none -> draining      it is leaving, and nothing forbids it
//   draining -> stopping  it is cordoned, holds no replica and doesn't vote
//   stopping -> done      its Pod is gone and the cluster has forgotten it
//   draining -> none      it isn't leaving any more and takes replicas again
//   stopping -> draining  the same, later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/kafka/topology.h"
#include "operator/reconcile/volumes/renewal.h"
#include "operator/resources/member.h"
#include "operator/resources/quorum.h"

namespace dohle::reconcile {

struct Formation {
  std::vector<resources::Member> members;  // by id; none whose removal is done
  std::vector<int32_t> leaving;            // of them: those that are wanted no more, and may go
  std::vector<int32_t> fenced;             // of them: those that shall be stopped by annotation
  resources::Quorum quorum;
  RenewalPlan renewals;  // whose volumes are made anew (renewal_steps.h)
  std::string refusal;   // a sentence: why there aren't as many brokers as are asked for; "" if there are

  const resources::Member* Find(int32_t id) const;
  // It is to be emptied: for good, or to get its volumes anew.
  bool Leaves(int32_t id) const;
  bool Renewed(int32_t id) const { return renewals.broker == id; }
};

// `topology`: null if nobody tells what there is; nothing that is running is then taken away.
Formation FormationOf(const ClusterResource& cluster, const LiveObjects& live, const Topology* topology);

// How many brokers shall vote once everything is as asked.
int32_t WantedVoters(const ClusterResource& cluster, const Formation& formation);

// What stands in the plan for a refusal.
PlannedStep RefusedScaling(const ClusterResource& cluster, const Formation& formation);

}  // namespace dohle::reconcile
