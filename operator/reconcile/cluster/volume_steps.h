// What is done about the volumes of a Cluster's brokers: their claims grow, and their resizes are followed to
// the end. Between the Cluster's objects and the decisions in reconcile/volumes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/kafka/topology.h"
#include "operator/reconcile/volumes/claim.h"
#include "operator/reconcile/volumes/renewal.h"
#include "operator/reconcile/volumes/resize.h"
#include "operator/reconcile/volumes/volume_size.h"

namespace dohle::reconcile {

struct VolumeFinding {
  int32_t broker = 0;
  std::string volume;
  Claim claim;  // that there is, and isn't being deleted
  VolumeSize size;
  ResizeProgress progress;
  std::string renewal;  // why the volume is made anew (volumes/renewal.h); ""
};
using VolumeFindings = std::vector<VolumeFinding>;

// Of the claims that there are of the formation's members. `topology`: null if nobody tells how full they
// are; nothing grows by itself then.
VolumeFindings FindVolumes(const ClusterResource& cluster, const Formation& formation,
                           const LiveObjects& live, const Topology* topology, int64_t now_ms);

// Puts the sizes into the desired claims, and what they were asked for into all of them. Those that are to be
// made anew stay as they are until then; new ones are as large as the others have grown.
void SizeClaims(const api::Storage& storage, const VolumeFindings& findings,
                std::vector<DesiredObject>* desired);

// Takes the steps by which claims grow out of `steps`, tells why they do, and adds what is to be said of
// growth that is under way or can't be had. None of them keeps the Cluster from being Ready, and they are
// best taken last: storage that can't grow refuses them.
std::vector<PlannedStep> TakeGrowth(const ClusterResource& cluster, const VolumeFindings& findings,
                                    std::vector<PlannedStep>* steps);

// Restarts, as the roll allows them, the brokers whose file systems grow only when they are mounted anew.
void PlanRemounts(const ClusterResource& cluster, const VolumeFindings& findings, const LiveObjects& live,
                  std::vector<PlannedStep>* steps);

// What the API server's refusal of a step means, with what to do; as it is if that isn't known.
Status ExplainRefusal(const PlannedStep& step, Status refused);

}  // namespace dohle::reconcile
