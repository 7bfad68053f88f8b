// The Topics' whole machine: one informer for all, and for each Kafka cluster that they name a reconciler
// with a loop of its own, woken by what changes. One executor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/one_shot.h"
#include "lib/env/stop_signal.h"
#include "operator/reconcile/topic/topic_reconciler.h"
#include "operator/runtime/controller.h"
#include "operator/runtime/informer.h"

namespace dohle::reconcile {

// Changes that come together are dealt with together.
inline constexpr absl::Duration kTopicLinger = absl::Milliseconds(20);

class TopicController {
 public:
  struct Parts {
    env::Env& env;
    env::Executor& executor;
    k8s::Client& client;
    EventSink& events;
    std::string ns;                 // "" = all
    std::function<bool()> may_act;  // does this operator lead?
    // The Kafka cluster behind a Cluster resource, as it is now.
    std::function<KafkaCluster(const k8s::ObjectName& cluster)> locate;
    // What is measured of a topic, if anything is yet. May be empty.
    std::function<std::optional<TopicMeasures>(const std::string& key, const std::string& topic)> measures;
    runtime::ReconcileObserver observer;
    // What autoscaling asks of a topic. May be empty.
    std::function<std::optional<TopicScaling>(const std::string& key, const std::string& topic)> scaling;
  };
  // What is referred to outlives the controller.
  explicit TopicController(Parts parts);

  void Watch(env::StopSignal& stop);
  // Begins to act; once it may lead, and again whenever it leads anew.
  void Act();
  // Takes nothing more; ends when what is under way has ended. After stop.Stop().
  env::Task<void> Stop();

  // Something about the Cluster has changed that its Topics may wait for.
  void ClusterChanged(const k8s::ObjectName& cluster);

  // Autoscaling asks something new of Topics of this Kafka cluster.
  void ScalingChanged(const std::string& key) { Wake(key); }

  bool synced() const { return topics_.synced(); }
  const runtime::Informer<TopicResource>& topics() const { return topics_; }

  // One Kafka cluster that Topics name; the key is "NS/CLUSTER", or "NS/=" and bootstrap servers.
  struct Group {
    explicit Group(std::string k) : key(std::move(k)) {}
    const std::string key;
    std::unique_ptr<TopicReconciler> reconciler;
    std::shared_ptr<env::OneShot<bool>> wake;
    bool changed = true;
    bool running = false;
  };
  // Those that Topics name, and a while after the last Topic.
  const std::map<std::string, std::unique_ptr<Group>>& groups() const { return groups_; }

 private:
  void Wake(const std::string& key);
  Group& GroupOf(const std::string& key);
  env::Task<void> Loop(Group* group);
  TopicInputs InputsOf(const Group& group) const;

  Parts parts_;
  runtime::Informer<TopicResource> topics_;
  std::map<std::string, std::unique_ptr<Group>> groups_;
  bool acting_ = false;
  bool stopped_ = false;
  int running_ = 0;
  std::shared_ptr<env::OneShot<bool>> all_ended_;
};

// Pure: the key of the Kafka cluster that a Topic names; "" if its spec names none.
std::string KafkaKey(const TopicResource& topic);

}  // namespace dohle::reconcile
