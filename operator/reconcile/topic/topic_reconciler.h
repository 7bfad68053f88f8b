// Keeps the topics of one Kafka cluster as its Topics ask for, all of them together: one look at the cluster
// for all, actions in batches, statuses written only where they changed.
//
//   TopicReconciler topics(env, executor, api, events, options);
//   absl::Duration again = co_await topics.RunOnce(std::move(inputs));   // from the controller's loop
//
// A turn acts on what it is shown. The Topics that it is shown may be older than what it wrote itself: it
// remembers that until they catch up, so nothing is done or told twice. What is remembered is lost with the
// process, and then seen anew.
//
// Turns don't overlap. On one executor; it outlives its turns.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "lib/env/env.h"
#include "lib/kafka/client/admin.h"
#include "operator/k8s/client.h"
#include "operator/reconcile/event_sink.h"
#include "operator/reconcile/kafka/kafka_clients.h"
#include "operator/reconcile/topic/topic_plan.h"

namespace dohle::reconcile {

struct TopicReconcilerOptions {
  std::string client_id = "dohle-operator";
  std::string field_manager = "dohle-operator";
  absl::Duration request_timeout = absl::Seconds(30);
  // How often all topics are looked at though nothing changed here, while there are few (look_interval.h).
  absl::Duration resync_interval = absl::Seconds(10);
  // Of how many the configuration and what was measured are looked at in that time, in rotation.
  size_t slice = 500;
  size_t writes_in_flight = 16;
  // Asked before acting in Kafka: a process that leads no more acts no more. Empty: always.
  std::function<bool()> may_act;
};

struct TopicInputs {
  KafkaCluster cluster;
  std::vector<TopicRef> topics;  // all that name the cluster; their order is of no meaning
  size_t of_all = 0;             // how many Topics there are of all clusters
  std::function<bool(const std::string& ns)> namespace_terminating;                // empty: unknown
  std::function<std::optional<TopicMeasures>(const std::string& topic)> measures;  // empty: none
  std::function<std::optional<TopicScaling>(const std::string& topic)> scaling;    // likewise
};

class TopicReconciler {
 public:
  // All outlive it.
  TopicReconciler(env::Env& env, env::Executor& executor, k8s::Client& api, EventSink& events,
                  TopicReconcilerOptions options);
  ~TopicReconciler();

  // One turn. Returns after how long the next is due though nothing changes.
  env::Task<absl::Duration> RunOnce(TopicInputs inputs);
  // A turn under way ends soon; no further one may begin.
  void Close();

  // To ask more of the cluster; null while it isn't ready. Who holds it goes on with it when the cluster
  // comes back under another address, and is told then that it is closed.
  std::shared_ptr<kafka::client::Admin> admin() const {
    return kafka_ == nullptr ? nullptr : std::shared_ptr<kafka::client::Admin>(kafka_, &kafka_->admin);
  }
  // Nothing is remembered: another one would do as well.
  bool idle() const { return records_.empty() && doomed_.empty(); }
  // What was seen of all topics last; empty before.
  const StringMap<ObservedTopic>& topics() const { return topics_; }

 private:
  // What is remembered of a Topic.
  struct Record {
    std::string uid;
    bool settled = false;  // nothing to do until it changes
    int64_t generation = 0;
    std::string rival;  // uid of the one that has the topic
    bool creation_unclear = false;
    bool doomed = false;    // it was seen being deleted: whatever older copies say, it is
    bool finished = false;  // its finalizer is off
    bool end_told = false;
    std::optional<bool> finalizer;             // as written, until it is seen
    std::unique_ptr<api::TopicStatus> status;  // as decided, until it is seen
    bool unwritten = false;                    // `status` isn't stored yet
    int failures = 0;
    env::MonotonicTime retry_at;
    env::MonotonicTime written_at;
    std::optional<env::MonotonicTime> acted_at;  // in Kafka
    bool retained = false;                       // its topic stays when it goes
    // When its status was last known to name a topic. A copy that names none soon after is an older one.
    std::optional<env::MonotonicTime> named_at;
    uint64_t seen_in_turn = 0;
    std::optional<env::MonotonicTime> vanished_at;
  };
  // A Topic that this turn looks at.
  struct Candidate {
    const TopicRef* resource = nullptr;
    Record* record = nullptr;
    const TopicResource* rival = nullptr;
    bool in_slice = false;
  };
  using Candidates = std::vector<Candidate>;
  // One that there is something to do for.
  struct Item {
    TopicRef resource;
    Record* record = nullptr;
    TopicInput input;
    TopicDecision decision;
    Status failure;  // of what was done for it first
  };
  using Items = std::vector<Item>;
  // What Kafka says in this turn.
  struct Sight {
    StringMap<ObservedTopic> topics;
    StringSet unknown;  // no answer about these
    StringMap<kafka::client::TopicConfigs> configs;
    Topology topology;  // for what is said of replication
    StringMap<ReplicationSight> replication;
  };
  struct Turn {
    TopicInputs inputs;
    bool whole = false;  // all Topics are looked at
    absl::Duration resync_interval;
    size_t slice = 0;   // of options_.slice, for as long as it is until the next
    bool more = false;  // not all that there was to do was begun
    bool listed = false;
    Candidates candidates;
    Sight sight;
    TopicWorld world;
    Items items;
  };

  void Begin(Turn& turn);
  void DropDoomed(std::vector<TopicRef>& topics) const;
  Record& RecordOf(const TopicResource& resource);
  void CatchUp(Record& record, const TopicResource& resource) const;
  bool IsOutdated(const Record& record, const TopicResource& resource) const;
  static bool IsRetained(const Record& record, const TopicResource& resource);
  void ForgetVanished(const Turn& turn);
  void TellRetained(const k8s::ObjectName& name, Record& record);
  void UseCluster(const KafkaCluster& cluster);

  env::Task<Status> Look(Turn* turn);
  env::Task<Status> LookAtAll(Turn* turn);
  env::Task<Status> LookAtNamed(Turn* turn);
  env::Task<Status> LookAtConfigs(Turn* turn);
  // Where all replicas are, if some topic hasn't as many as asked for.
  env::Task<Status> LookAtReplication(Turn* turn);
  void Decide(Turn& turn);
  // False: it must wait for a turn that knows more.
  bool FillInput(const Turn& turn, const Candidate& candidate, TopicInput& input) const;

  env::Task<void> Act(Turn* turn);
  env::Task<void> Delete(Turn* turn);
  env::Task<void> Create(Turn* turn);
  env::Task<void> Grow(Turn* turn);
  env::Task<void> Alter(Turn* turn);
  env::Task<void> Reassign(Turn* turn);
  void Failed(Item& item, const TopicWorld& world, const Status& why);
  void Tell(const Item& item);

  env::Task<void> AddFinalizers(Turn* turn);
  env::Task<void> WriteAll(Turn* turn);
  env::Task<void> AddFinalizer(Item* item);
  env::Task<void> WriteOne(Item* item);
  env::Task<Status> SetFinalizer(Item* item, bool present);
  env::Task<Status> WriteStatus(Item* item);

  void Settle(Item& item);
  absl::Duration End(Turn& turn);
  bool MayAct() const { return !closed_ && (!options_.may_act || options_.may_act()); }
  env::MonotonicTime Now() const { return executor_.clock().Now(); }

  env::Env& env_;
  env::Executor& executor_;
  k8s::Client& api_;
  EventSink& events_;
  const TopicReconcilerOptions options_;
  std::string bootstrap_;  // of kafka_
  std::shared_ptr<KafkaClient> kafka_;
  absl::flat_hash_map<k8s::ObjectName, std::unique_ptr<Record>> records_;
  absl::flat_hash_map<std::string, env::MonotonicTime> doomed_;  // uids that are gone, until forgotten
  absl::flat_hash_map<TopicId, env::MonotonicTime> removed_;     // topics that were deleted here, likewise
  StringMap<ObservedTopic> topics_;
  KafkaCluster cluster_;
  std::optional<env::MonotonicTime> unreachable_since_;
  env::MonotonicTime next_resync_;
  size_t slice_begin_ = 0;
  uint64_t turn_ = 0;
  bool closed_ = false;
};

}  // namespace dohle::reconcile
