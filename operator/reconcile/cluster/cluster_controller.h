// The Clusters' whole machine: informers of Clusters and of what they own, the queue, the reconciler. What
// happens to any object brings its Cluster into the queue. One executor.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/cluster_reconciler.h"

namespace dohle::reconcile {

class ClusterController {
 public:
  struct Parts {
    k8s::Client& client;
    KafkaControl& kafka;
    EventSink& events;
    env::Executor& executor;
    env::Random& random;
    resources::Options options;
    std::string ns;  // "" = all
    runtime::ReconcileObserver observer;
    AskVersion ask_version = nullptr;  // none: their versions stay unknown
  };
  // What is referred to outlives the controller.
  explicit ClusterController(Parts parts);

  // Begins to watch, and to keep copies.
  void Watch(env::StopSignal& stop);
  // Begins to act; every Cluster is looked at. Once it may lead, and again whenever it leads anew.
  void Act();
  // Takes nothing more; ends when what is under way has ended. After stop.Stop().
  env::Task<void> Stop();

  bool synced() const;
  // Of the brokers that are ready.
  std::vector<std::string> BrokerHosts(const k8s::ObjectName& cluster) const;
  // Of one that is ready: "host:port" of its inner listener.
  std::optional<std::string> BrokerAddress(const k8s::ObjectName& cluster) const;
  runtime::Informer<ClusterResource>& clusters() { return clusters_; }
  const ClusterReconciler& reconciler() const { return reconciler_; }
  const runtime::WorkQueue& queue() { return controller_.queue(); }

 private:
  using OwnedInformer = runtime::Informer<OwnedObject>;
  struct Kind {
    k8s::Resource resource;
    std::unique_ptr<OwnedInformer> informer;
  };
  void AddKind(const Parts& parts, const k8s::Resource& resource);
  std::optional<PodState> ReadyBroker(const k8s::ObjectName& cluster) const;
  LiveObjects LiveOf(const k8s::ObjectName& cluster) const;

  env::Executor& executor_;
  runtime::Informer<ClusterResource> clusters_;
  std::vector<Kind> kinds_;
  ClusterReconciler reconciler_;
  runtime::Controller controller_;
  bool acting_ = false;
};

}  // namespace dohle::reconcile
