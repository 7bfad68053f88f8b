// What is to be done for one Topic: from what is asked for and what there is, to actions and the status that
// will hold once they have been done. Pure; one decision knows nothing of the others but who claims the same
// topic.
//
// Whatever was decided before may have been done, half or whole, and forgotten: decisions are made from what
// is seen alone, so that deciding again does no harm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/string_map.h"
#include "lib/kafka/client/admin.h"
#include "operator/reconcile/topic/topic_replication.h"
#include "operator/reconcile/topic/topic_resource.h"
#include "operator/reconcile/topic/topic_scaling.h"

namespace dohle::reconcile {

inline constexpr std::string_view kTopicFinalizer = "dohle.dev/topic";

// Reasons of the condition Ready.
namespace topic_reason {
inline constexpr std::string_view kReady = "Ready";
inline constexpr std::string_view kMorePartitions = "MorePartitionsThanAsked";  // Ready all the same
inline constexpr std::string_view kCreating = "Creating";
inline constexpr std::string_view kDeleting = "Deleting";
inline constexpr std::string_view kInvalidSpec = "InvalidSpec";
inline constexpr std::string_view kClusterNotFound = "ClusterNotFound";
inline constexpr std::string_view kClusterNotReady = "ClusterNotReady";
inline constexpr std::string_view kBrokerUnreachable = "BrokerUnreachable";
inline constexpr std::string_view kPartitionsCannotShrink = "PartitionsCannotShrink";
inline constexpr std::string_view kResourceConflict = "ResourceConflict";
inline constexpr std::string_view kAdoptionRefused = "AdoptionRefused";
inline constexpr std::string_view kKafkaError = "KafkaError";
}  // namespace topic_reason

// How long a Topic that is being deleted waits for a cluster that doesn't delete it.
inline constexpr int64_t kDeletionPatienceMs = 30'000;
// How long a Topic says nothing of a cluster that doesn't answer: one that is as asked for, and others.
inline constexpr int64_t kReadyPatienceMs = 30'000;
inline constexpr int64_t kUnreadyPatienceMs = 3'000;

// The Kafka cluster that Topics name.
struct KafkaCluster {
  enum class State { kNotFound, kDeleting, kNotReady, kReady };
  State state = State::kReady;
  std::string name;       // for messages: "Cluster demo", or the bootstrap servers
  std::string bootstrap;  // "host:port,…"; set if kReady
  std::string message;    // of kNotReady: what it waits for
};

struct ObservedTopic {
  TopicId id;
  int32_t partitions = 0;
  int32_t replicas = 0;  // of its first partition, with those that are on their way
  bool uneven = false;   // some partition has another number
  bool internal = false;
};

// What is seen of the cluster in one turn.
struct TopicWorld {
  KafkaCluster cluster;
  Status reached;  // not OK: nobody answered, nothing is known of topics
  int64_t unreachable_for_ms = 0;
  int64_t now_ms = 0;
};

// What is measured of a topic, for its status.
struct TopicMeasures {
  int64_t bytes = 0;
  double bytes_in_per_second = 0, bytes_out_per_second = 0, records_in_per_second = 0;
  std::optional<api::TopicLag> largest_lag;
};

// What is known of one Topic and its topic. Pointers may be null where nothing is known.
struct TopicInput {
  const TopicResource* resource = nullptr;
  const api::TopicStatus* status = nullptr;  // as stored last: the resource's, or newer
  bool finalizer = false;                    // likewise
  bool namespace_terminating = false;
  // Of the one that has the topic if this one hasn't; of the one that waits for it if this one is deleted.
  const TopicResource* rival = nullptr;
  const ObservedTopic* topic = nullptr;                  // null: there is none
  const kafka::client::TopicConfigs* configs = nullptr;  // null: not looked at in this turn
  const ReplicationSight* replication = nullptr;         // null: not looked at in this turn
  bool creation_unclear = false;                         // its creation was asked for, no answer came
  std::optional<TopicMeasures> measures;                 // none: nothing was measured yet
  std::optional<TopicScaling> scaling;                   // none: no autoscaling, or nothing is known yet
};

struct TopicEvent {
  bool warning = false;
  std::string reason;  // CamelCase
  std::string note;    // a sentence
  bool operator==(const TopicEvent&) const = default;
};

struct TopicDecision {
  enum class Finalizer { kKeep, kAdd, kRemove };
  // Added before anything is done in Kafka; removed after all is done.
  Finalizer finalizer = Finalizer::kKeep;
  // At most: create, or delete, or grow and alter.
  std::optional<kafka::client::NewTopic> create;
  std::optional<kafka::client::TopicGrowth> grow;
  std::optional<kafka::client::TopicConfigChange> alter;
  std::optional<TopicId> remove;
  // Each partition shall have that many replicas: the turn moves some of them (topic_replication.h).
  std::optional<int32_t> replicas;
  // Recorded once the actions have succeeded.
  std::vector<TopicEvent> events;
  // Once the actions have succeeded; the same as stored if nothing is to be written.
  api::TopicStatus status;
  // Look again after so long, though nothing changes.
  std::optional<absl::Duration> again;

  bool acts() const { return create || grow || alter || remove; }
};

TopicDecision DecideTopic(const TopicInput& input, const TopicWorld& world);

// The actions of a decision have succeeded: completes its status. `created` is the id of a new topic.
void Complete(TopicDecision& decision, const TopicInput& input, const TopicWorld& world,
              const TopicId& created);
// An action failed: says so in place of what was to be said. A deletion that has failed for too long is given
// up.
void Fail(TopicDecision& decision, const TopicInput& input, const TopicWorld& world, const Status& why);

// Whether deciding takes the topic's configuration: what is asked for may not be what there is.
bool NeedsConfigs(const TopicResource& resource, const api::TopicStatus& status, const ObservedTopic* topic);

// Whether deciding takes a look at where its replicas are: there aren't as many as asked for, or weren't yet.
bool NeedsReplication(const TopicResource& resource, const api::TopicStatus& status,
                      const ObservedTopic* topic);
// Nothing can be moved for now: says so in place of what was to be said.
void TellBlocked(TopicDecision& decision, const TopicInput& input, const TopicWorld& world,
                 const std::string& why);

// Whether what autoscaling asks for isn't done or isn't told yet.
bool HasScalingNews(const TopicResource& resource, const api::TopicStatus& status,
                    const std::optional<TopicScaling>& scaling);

// Who has each topic, out of all Topics of a cluster. Those that aren't being deleted come before those that
// are; then the oldest has it, then the first by name. Same order as `resources`: null for those that have
// theirs and that nobody else waits for.
std::vector<const TopicResource*> FindRivals(const std::vector<TopicRef>& resources);

// Kafka stores values as they were written and compares them by what they mean.
bool SameConfigValue(std::string_view a, std::string_view b);

// Whether the two say the same; of measures only if they differ by more than a tenth.
bool SameStatus(const api::TopicStatus& a, const api::TopicStatus& b);

}  // namespace dohle::reconcile
