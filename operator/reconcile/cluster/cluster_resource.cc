#include "operator/reconcile/cluster/cluster_resource.h"

#include <utility>

#include "operator/api/decode.h"

namespace dohle::reconcile {

StatusOr<ClusterResource> ReadCluster(const k8s::Json& object) {
  ClusterResource cluster;
  DOHLE_ASSIGN_OR_RETURN(cluster.meta, k8s::ReadMeta(object));
  api::Decoded<api::ClusterSpec> spec = api::DecodeClusterSpec(object);
  cluster.spec = std::move(spec.value);
  cluster.faults = std::move(spec.faults);
  cluster.status = api::DecodeClusterStatus(object);
  cluster.autoscaling = std::exchange(cluster.status.autoscaling, std::nullopt);
  return cluster;
}

}  // namespace dohle::reconcile
