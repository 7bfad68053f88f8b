// Scales Clusters that have spec.autoscaling: looks at the load of their brokers every few seconds, and
// writes the number that broker_decider.h comes to to the scale subresource, as a HorizontalPodAutoscaler
// would. Whatever follows from that is the ClusterReconciler's. It writes status.autoscaling, too, under a
// field manager of its own. One executor.
//
// After a restart of the operator the windows of stabilization begin anew; when a Cluster was scaled last is
// read of its status.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/stop_signal.h"
#include "operator/k8s/client.h"
#include "operator/reconcile/autoscaling/broker_decider.h"
#include "operator/reconcile/autoscaling/broker_page.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/event_sink.h"
#include "operator/reconcile/kafka/kafka_clients.h"
#include "operator/runtime/informer.h"

namespace dohle::reconcile::autoscaling {

inline constexpr std::string_view kAutoscalerFieldManager = "dohle-autoscaler";
inline constexpr absl::Duration kBrokerLookInterval = absl::Seconds(5);

class BrokerScaler {
 public:
  // All outlive it.
  struct Parts {
    env::Env& env;
    env::Executor& executor;
    k8s::Client& client;
    EventSink& events;
    KafkaClients& kafka;
    const runtime::Informer<ClusterResource>& clusters;
    // Where the brokers that are ready show their metrics.
    std::function<std::vector<env::Endpoint>(const k8s::ObjectName& cluster)> metrics_pages;
    // "host:port" of a broker that is ready.
    std::function<std::optional<std::string>(const k8s::ObjectName& cluster)> address;
    std::function<bool()> may_act;
  };
  explicit BrokerScaler(Parts parts) : parts_(std::move(parts)) {}

  // Until `stop`.
  env::Task<void> Run(env::StopSignal* stop);

 private:
  using Ref = std::shared_ptr<const ClusterResource>;
  struct Cluster {
    std::string uid;
    BrokerState state;
    BrokerRateMeter rates;
    std::vector<BrokerReading> disks;
    int32_t most_replicas = 1;
    std::optional<int64_t> disks_ms;
    std::optional<api::AutoscalingStatus> status;  // as written last
    int64_t written_ms = 0;
    int64_t retry_ms = 0;
    bool busy = false;  // it is being looked at
  };

  env::Task<void> Look(Ref resource);
  Cluster& ClusterOf(const ClusterResource& resource);
  env::Task<BrokerObservation> Observe(Ref resource, Cluster* cluster);
  env::Task<void> ReadPage(env::Endpoint page, double cores, Cluster* cluster,
                           std::vector<BrokerReading>* readings);
  env::Task<void> LookAtDisks(Ref resource, Cluster* cluster);
  env::Task<void> Act(Ref resource, Cluster* cluster, BrokerDecision decision);
  env::Task<void> Scale(Ref resource, Cluster* cluster, BrokerDecision* decision);
  env::Task<void> WriteStatus(Ref resource, std::optional<api::AutoscalingStatus> status);
  int64_t NowMs() const { return parts_.executor.clock().Now().nanoseconds() / 1'000'000; }

  const Parts parts_;
  std::map<k8s::ObjectName, Cluster> clusters_;
};

// Pure: how many CPUs a broker may take, by core/v1 ResourceRequirements: its limit, else its request, else
// one.
double CoresOf(const api::RawJson& resources);

// Pure: why no broker may be taken away of a Cluster that looks so; "" = nothing is in the way.
std::string WhyNoScaleIn(const ClusterResource& cluster);

}  // namespace dohle::reconcile::autoscaling
