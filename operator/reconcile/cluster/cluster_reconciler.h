// Brings what runs of a Cluster to what is asked: sees, plans (cluster_plan.h), shows the plan in the status,
// takes its steps, says what came of them. The driver of pure parts; one executor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/env/executor.h"
#include "operator/k8s/client.h"
#include "operator/reconcile/cluster/balance_steps.h"
#include "operator/reconcile/cluster/broker_facts.h"
#include "operator/reconcile/cluster/broker_versions.h"
#include "operator/reconcile/cluster/cluster_objects.h"
#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_status.h"
#include "operator/reconcile/cluster/expectations.h"
#include "operator/reconcile/cluster/live_config_plan.h"
#include "operator/reconcile/cluster/node_states.h"
#include "operator/reconcile/event_sink.h"
#include "operator/reconcile/healing/heal_watch.h"
#include "operator/reconcile/kafka/kafka_control.h"
#include "operator/reconcile/rolling/roll_watch.h"
#include "operator/runtime/controller.h"
#include "operator/runtime/informer.h"

namespace dohle::reconcile {

inline constexpr std::string_view kFieldManager = "dohle-operator";

// How often a Cluster is looked at though nothing changes; so long may its figures be old. The second where
// there are many, or large ones (look_interval.h).
inline constexpr absl::Duration kClusterResync = absl::Seconds(10), kLongestClusterResync = absl::Seconds(30);
// The same while something is under way.
inline constexpr absl::Duration kClusterPoll = absl::Seconds(1);

class ClusterReconciler {
 public:
  // All outlive the reconciler. `live` collects what there is with the label of a Cluster.
  struct Parts {
    k8s::Client& client;
    KafkaControl& kafka;
    EventSink& events;
    const env::Clock& clock;
    const runtime::Informer<ClusterResource>& clusters;
    std::function<LiveObjects(const k8s::ObjectName& cluster)> live;
    resources::Options options;
    AskVersion ask_version = nullptr;
  };
  explicit ClusterReconciler(Parts parts);

  env::Task<runtime::Reconciled> Reconcile(k8s::ObjectName name);
  // An informer has shown a change of an object that may be ours.
  void Seen(const k8s::Resource& resource, const k8s::ObjectName& name) { expected_.Seen(resource, name); }

  // How long the canary of a Cluster took last; nothing if none has sung. For metrics.
  std::map<k8s::ObjectName, absl::Duration> Canaries() const;
  // What was found of each Cluster last; for metrics. Gone Clusters are not in it.
  const std::map<k8s::ObjectName, api::ClusterStatus>& statuses() const { return statuses_; }

 private:
  using Ref = std::shared_ptr<const ClusterResource>;

  // When a Cluster is looked at again that nothing is done with.
  absl::Duration Resync(const Topology& topology) const;
  // The world as it is now, with the plan for it.
  env::Task<ClusterSighting> See(Ref cluster);
  // Fills in the steps, and whether a roll has halted.
  void Plan(const ClusterResource& cluster, const LiveObjects& live, const NodeStates& nodes,
            ClusterSighting* seen);
  // Lets the canary sing while a roll is under way.
  env::Task<void> Listen(Ref cluster, std::string bootstrap);
  void PlanRestarts(const ClusterResource& cluster, const std::string& pause, ClusterSighting* seen);
  // What ails brokers, and what is done about it.
  void PlanHealing(const ClusterResource& cluster, const LiveObjects& live, const NodeStates& nodes,
                   ClusterSighting* seen);
  // Replicas and leaders to where they shall be, once nothing else moves brokers about.
  static BalanceSteps PlanMoves(const ClusterResource& cluster, const ClusterSighting& seen,
                                const ConfigValues& remembered);
  env::Task<Status> WriteStatus(Ref cluster, api::ClusterStatus status);
  // Takes those that nothing blocks, in order, until one fails; they are removed from the steps.
  env::Task<Status> Act(Ref cluster, ClusterSighting* seen);
  env::Task<Status> Take(std::string cluster_uid, std::string bootstrap, const PlannedStep& step);
  // A restart whose permit is refused is left for later: true.
  bool HeldUp(const ClusterResource& cluster, const Status& taken, PlannedStep* step);
  env::Task<Status> CheckFree(std::string cluster_uid, const PlannedStep& step);
  void TellTransition(const ClusterResource& cluster, const api::ClusterStatus& now);

  Parts parts_;
  Expectations expected_;
  BrokerVersions versions_;
  std::map<k8s::ObjectName, api::ClusterStatus> statuses_;
  std::map<k8s::ObjectName, Status> step_failures_;  // of the last attempt
  struct Roll {
    RollWatch watch;
    bool under_way = false;
    int64_t failing_since_ms = -1;  // monotonic; -1 = the canary sings
    CanarySong song;                // the last one
  };
  std::map<k8s::ObjectName, Roll> rolls_;
  struct Health {
    HealWatch watch;
    std::string answered;  // who told of the cluster last: a broker that hangs isn't asked first
  };
  std::map<k8s::ObjectName, Health> health_;
};

}  // namespace dohle::reconcile
