// A Cluster as the informer keeps it: decoded, with what is wrong with it. Plain data.
#pragma once

#include <optional>
#include <vector>

#include "lib/base/status.h"
#include "operator/api/cluster.h"
#include "operator/api/fault.h"
#include "operator/k8s/json.h"
#include "operator/k8s/object.h"

namespace dohle::reconcile {

struct ClusterResource {
  k8s::ObjectMeta meta;
  api::ClusterSpec spec;  // what is at fault has its default
  std::vector<api::Fault> faults;
  api::ClusterStatus status;  // without `autoscaling`
  // That part of the status is written by who scales (autoscaling/broker_scaler.h), the rest by who
  // reconciles.
  std::optional<api::AutoscalingStatus> autoscaling;
};

// Fails only for what has no name: a spec that is wrong is told in `faults`.
StatusOr<ClusterResource> ReadCluster(const k8s::Json& object);

}  // namespace dohle::reconcile
