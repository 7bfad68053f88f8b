#include "operator/reconcile/topic/topic_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "lib/kafka/client/kafka_status.h"

namespace dohle::reconcile {
namespace {

using kafka::client::TopicConfigs;
namespace reason = topic_reason;

constexpr absl::Duration kReplicationPoll = absl::Seconds(1);

// Set by those who move replicas, not by who describes the topic.
constexpr std::array<std::string_view, 2> kForeignKeys = {"follower.replication.throttled.replicas",
                                                          "leader.replication.throttled.replicas"};

void SetReady(TopicDecision& decision, const TopicInput& input, const TopicWorld& world, bool ready,
              std::string_view why, std::string message) {
  decision.status.topic_name = input.resource->KafkaName();
  api::Condition condition;
  condition.type = "Ready";
  condition.status = ready ? "True" : "False";
  condition.reason = std::string(why);
  condition.message = std::move(message);
  condition.observed_generation = input.resource->meta.generation;
  api::SetCondition(decision.status.conditions, std::move(condition), world.now_ms);
}

std::string_view ReadyReason(const api::TopicStatus& status) {
  const api::Condition* ready = api::FindCondition(status.conditions, "Ready");
  return ready == nullptr ? std::string_view() : std::string_view(ready->reason);
}
bool IsReady(const api::TopicStatus& status) {
  const api::Condition* ready = api::FindCondition(status.conditions, "Ready");
  return ready != nullptr && ready->status == "True";
}
// It was as asked for, and nothing else has been asked for since: what differs now is somebody else's doing.
bool WasSettled(const TopicInput& input) {
  return IsReady(*input.status) && input.status->observed_generation == input.resource->meta.generation;
}

void Refuse(TopicDecision& decision, const TopicInput& input, const TopicWorld& world, std::string_view why,
            std::string message) {
  // Told once: when it becomes so, not each time it is seen to be so.
  if (ReadyReason(*input.status) != why) decision.events.push_back({true, std::string(why), message});
  SetReady(decision, input, world, false, why, std::move(message));
}

void DropFinalizer(TopicDecision& decision, const TopicInput& input) {
  if (input.finalizer) decision.finalizer = TopicDecision::Finalizer::kRemove;
}
void WantFinalizer(TopicDecision& decision, const TopicInput& input) {
  const bool wanted = input.resource->spec.deletion_policy == api::DeletionPolicy::kDelete &&
                      (input.topic == nullptr || !input.topic->internal);
  if (wanted && !input.finalizer) decision.finalizer = TopicDecision::Finalizer::kAdd;
  if (!wanted) DropFinalizer(decision, input);
}

void Measure(TopicDecision& decision, const TopicInput& input) {
  if (!input.measures) return;
  decision.status.bytes = input.measures->bytes;
  decision.status.bytes_in_per_second = input.measures->bytes_in_per_second;
  decision.status.bytes_out_per_second = input.measures->bytes_out_per_second;
  decision.status.records_in_per_second = input.measures->records_in_per_second;
  decision.status.largest_lag = input.measures->largest_lag;
}

void Release(TopicDecision& decision, const TopicInput& input, std::string_view why, std::string note) {
  DropFinalizer(decision, input);
  decision.events.push_back({true, std::string(why), std::move(note)});
}

void DecideDeletion(TopicDecision& decision, const TopicInput& input, const TopicWorld& world) {
  const TopicResource& resource = *input.resource;
  const std::string& name = resource.KafkaName();
  if (!input.finalizer) return;
  using State = KafkaCluster::State;
  if (resource.spec.deletion_policy == api::DeletionPolicy::kRetain) {
    DropFinalizer(decision, input);
  } else if (world.cluster.state == State::kNotFound || world.cluster.state == State::kDeleting) {
    DropFinalizer(decision, input);  // its data goes or stays with the cluster
  } else if (input.rival != nullptr) {
    Release(decision, input, "TopicHandedOver",
            fmt::format("Topic {} stays: {} describes it, too.", name, ToString(input.rival->meta.name)));
  } else if (world.cluster.state == State::kNotReady) {
    Fail(decision, input, world, MakeStatus(StatusCode::kUnavailable, "{} isn't ready", world.cluster.name));
  } else if (!world.reached.ok()) {
    Fail(decision, input, world, world.reached);
  } else if (input.topic == nullptr) {
    DropFinalizer(decision, input);
    decision.events.push_back({false, "TopicDeleted", fmt::format("Topic {} is deleted.", name)});
  } else if (input.topic->internal) {
    Release(decision, input, "TopicLeftBehind", fmt::format("Topic {} is Kafka's own: it stays.", name));
  } else if (!input.status->topic_id.empty() && input.status->topic_id != ToString(input.topic->id)) {
    Release(decision, input, "TopicLeftBehind",
            fmt::format("Topic {} is another one than was described here: it stays.", name));
  } else {
    // Whoever put the finalizer there had decided that the topic is this one's.
    decision.remove = input.topic->id;
    DropFinalizer(decision, input);
    decision.events.push_back({false, "TopicDeleted", fmt::format("Topic {} is deleted.", name)});
  }
}

void DecideCreation(TopicDecision& decision, const TopicInput& input, const TopicWorld& world) {
  const TopicResource& resource = *input.resource;
  const bool had_one = !input.status->topic_id.empty();
  decision.status.observed_generation = resource.meta.generation;
  if (resource.spec.adoption_policy == api::AdoptionPolicy::kRefuse && !had_one &&
      ReadyReason(*input.status) != reason::kCreating) {
    // Stored first: who finds the topic later knows by it that it isn't somebody else's.
    SetReady(decision, input, world, false, reason::kCreating, "The topic is about to be created.");
    decision.again = absl::ZeroDuration();
    return;
  }
  WantFinalizer(decision, input);
  kafka::client::NewTopic& topic = decision.create.emplace();
  topic.name = resource.KafkaName();
  topic.partitions = resource.spec.partitions;
  topic.replication_factor = static_cast<int16_t>(resource.spec.replicas);
  topic.configs = resource.spec.config;
  if (had_one) {
    decision.events.push_back(
        {true, "TopicRecreated",
         fmt::format("Topic {} was deleted by somebody else and is created again, empty.", topic.name)});
  } else {
    decision.events.push_back(
        {false, "TopicCreated",
         fmt::format("Topic {} is created with {} partitions.", topic.name, topic.partitions)});
  }
}

// False: it isn't this resource's.
bool TakeOver(TopicDecision& decision, const TopicInput& input, const TopicWorld& world) {
  const TopicResource& resource = *input.resource;
  const std::string id = ToString(input.topic->id);
  if (input.status->topic_id == id) return true;
  const std::string& name = resource.KafkaName();
  const bool had_one = !input.status->topic_id.empty();
  const bool ours = !had_one && (input.creation_unclear || ReadyReason(*input.status) == reason::kCreating);
  if (!ours && resource.spec.adoption_policy == api::AdoptionPolicy::kRefuse) {
    DropFinalizer(decision, input);
    Refuse(decision, input, world, reason::kAdoptionRefused,
           fmt::format(
               "Topic {} exists and wasn't created for this Topic. Set spec.adoptionPolicy to Adopt to take "
               "it over, or give another spec.topicName.",
               name));
    return false;
  }
  if (ours) {
    decision.events.push_back({false, "TopicCreated", fmt::format("Topic {} is created.", name)});
  } else if (had_one) {
    decision.events.push_back(
        {true, "TopicReplaced",
         fmt::format(
             "Topic {} was deleted and created again by somebody else: it is empty or has other data.",
             name)});
  } else {
    decision.events.push_back(
        {false, "TopicAdopted", fmt::format("Topic {} existed and is taken over.", name)});
  }
  return true;
}

std::string DescribeChanges(const kafka::client::TopicConfigChange& change) {
  std::string text;
  for (const auto& [key, value] : change.changes) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", key);
    text += value ? fmt::format("={}", *value) : " removed";
  }
  return text;
}

void DecideConfigs(TopicDecision& decision, const TopicInput& input) {
  if (input.configs == nullptr) return;
  const TopicResource& resource = *input.resource;
  const TopicConfigs& there = *input.configs;
  kafka::client::TopicConfigChange change;
  change.topic = resource.KafkaName();
  for (const auto& [key, value] : resource.spec.config) {
    const auto it = there.find(key);
    if (it == there.end() || !SameConfigValue(it->second, value)) change.changes.emplace_back(key, value);
  }
  for (const auto& [key, value] : there) {
    const std::string& name = key;
    const auto named = [&name](const auto& pair) { return pair.first == name; };
    const bool wanted = std::any_of(resource.spec.config.begin(), resource.spec.config.end(), named);
    const bool foreign = std::find(kForeignKeys.begin(), kForeignKeys.end(), key) != kForeignKeys.end();
    if (!wanted && !foreign) change.changes.emplace_back(key, std::nullopt);
  }
  if (change.changes.empty()) return;
  if (WasSettled(input)) {
    decision.events.push_back(
        {true, "ConfigDriftMended",
         fmt::format("The configuration of topic {} was changed by somebody else and is set back: {}.",
                     change.topic, DescribeChanges(change))});
  } else {
    decision.events.push_back({false, "ConfigChanged",
                               fmt::format("The configuration of topic {} is changed: {}.", change.topic,
                                           DescribeChanges(change))});
  }
  decision.alter = std::move(change);
}

// Partitions can't be taken away. Was it asked, or did somebody else add some?
bool ShrinkingIsAsked(const TopicInput& input) {
  const api::TopicStatus& status = *input.status;
  // The operator did, or had been told to until now.
  if (input.resource->spec.autoscaling || status.autoscaling) return false;
  if (status.topic_id.empty() || ReadyReason(status) == reason::kMorePartitions) return false;
  if (ReadyReason(status) == reason::kPartitionsCannotShrink) return true;
  return status.observed_generation != input.resource->meta.generation &&
         status.partitions > input.resource->spec.partitions;
}

void Grow(TopicDecision& decision, const TopicInput& input, int32_t asked) {
  const TopicResource& resource = *input.resource;
  const int32_t there = input.topic->partitions;
  decision.grow = {resource.KafkaName(), asked, asked - there};
  decision.status.partitions = asked;
  std::string note =
      fmt::format("Topic {} grows from {} to {} partitions.", resource.KafkaName(), there, asked);
  if (asked > resource.spec.partitions) {
    note = fmt::format("Topic {} grows from {} to {} partitions: {}.", resource.KafkaName(), there, asked,
                       decision.status.autoscaling ? decision.status.autoscaling->message : std::string());
  }
  decision.events.push_back({false, "PartitionsGrown", std::move(note)});
}

void TellScaling(TopicDecision& decision, const TopicInput& input, const TopicWorld& world) {
  std::optional<api::AutoscalingStatus>& status = decision.status.autoscaling;
  status = ScalingStatus(input.resource->spec, input.status->autoscaling, input.scaling, world.now_ms);
  if (!status || !IsHeldUp(*status)) return;
  if (input.status->autoscaling && input.status->autoscaling->reason == status->reason) return;
  decision.events.push_back({true, "PartitionsNotGrown",
                             fmt::format("Topic {} keeps its {} partitions: {}.", input.resource->KafkaName(),
                                         input.topic->partitions, status->message)});
}

// Was it asked that replicas be dropped, or had the topic more when it was taken over, or by others?
bool FewerReplicasAreAsked(const TopicInput& input) {
  const api::TopicStatus& status = *input.status;
  const std::string_view why = ReadyReason(status);
  if (why == reason::kReplicasChanging || why == reason::kReplicasBlocked) return true;
  if (status.topic_id.empty() || why == reason::kMoreReplicas) return false;
  return status.observed_generation != input.resource->meta.generation &&
         status.replicas > input.resource->spec.replicas;
}

// True: that is what there is to say of the topic.
bool DecideReplicas(TopicDecision& decision, const TopicInput& input, const TopicWorld& world) {
  if (input.replication == nullptr) return false;
  const std::string_view was = ReadyReason(*input.status);
  ReplicationVerdict verdict = JudgeReplication(input.resource->KafkaName(), input.resource->spec.replicas,
                                                *input.replication, FewerReplicasAreAsked(input));
  if (verdict.reason.empty()) {
    if (was == reason::kReplicasChanging)
      decision.events.push_back({false, "ReplicasChanged", std::move(verdict.message)});
    return false;
  }
  if (verdict.reason == reason::kTooFewBrokers) {
    Refuse(decision, input, world, verdict.reason, std::move(verdict.message));
    return true;
  }
  const bool changes = verdict.reason == reason::kReplicasChanging;
  if (changes) {
    decision.replicas = input.resource->spec.replicas;
    decision.again = kReplicationPoll;
    if (was != verdict.reason)
      decision.events.push_back({false, std::string(verdict.reason), verdict.message});
  }
  SetReady(decision, input, world, !changes, verdict.reason, std::move(verdict.message));
  return true;
}

void DecideExisting(TopicDecision& decision, const TopicInput& input, const TopicWorld& world) {
  const TopicResource& resource = *input.resource;
  const ObservedTopic& topic = *input.topic;
  decision.status.observed_generation = resource.meta.generation;
  if (!TakeOver(decision, input, world)) return;
  WantFinalizer(decision, input);
  DecideConfigs(decision, input);
  decision.status.topic_id = ToString(topic.id);
  decision.status.partitions = topic.partitions;
  decision.status.replicas = input.replication == nullptr ? topic.replicas : input.replication->fewest;
  Measure(decision, input);
  TellScaling(decision, input, world);
  const int32_t asked = PartitionsAskedFor(resource.spec, input.scaling);
  if (topic.partitions < asked) Grow(decision, input, asked);
  const int32_t most = resource.spec.autoscaling ? resource.spec.autoscaling->max_partitions : asked;
  if (topic.partitions > asked && ShrinkingIsAsked(input)) {
    Refuse(
        decision, input, world, reason::kPartitionsCannotShrink,
        fmt::format(
            "Topic {0} has {1} partitions; Kafka can't take any away. Set spec.partitions to at least {1}, "
            "or delete the Topic and create it anew without its data.",
            resource.KafkaName(), topic.partitions));
  } else if (DecideReplicas(decision, input, world)) {
  } else if (topic.partitions > most) {
    SetReady(decision, input, world, true, reason::kMorePartitions,
             fmt::format("Topic {} has {} partitions, {} are asked for; partitions can't be taken away.",
                         resource.KafkaName(), topic.partitions, most));
  } else {
    SetReady(decision, input, world, true, reason::kReady, "The topic is as asked for.");
  }
}

void DecideWithoutCluster(TopicDecision& decision, const TopicInput& input, const TopicWorld& world) {
  const KafkaCluster& cluster = world.cluster;
  switch (cluster.state) {
    case KafkaCluster::State::kNotFound:
      DropFinalizer(decision, input);
      return Refuse(decision, input, world, reason::kClusterNotFound,
                    fmt::format("{} doesn't exist in this namespace. Create it, or correct spec.cluster.",
                                cluster.name));
    case KafkaCluster::State::kDeleting:
      DropFinalizer(decision, input);
      return Refuse(decision, input, world, reason::kClusterNotFound,
                    fmt::format("{} is being deleted.", cluster.name));
    case KafkaCluster::State::kNotReady:
      if (WasSettled(input)) return;  // the Cluster says it; a topic that is as asked for stays so
      return Refuse(decision, input, world, reason::kClusterNotReady,
                    cluster.message.empty()
                        ? fmt::format("{} isn't ready yet.", cluster.name)
                        : fmt::format("{} isn't ready yet: {}", cluster.name, cluster.message));
    case KafkaCluster::State::kReady:
      if (world.unreachable_for_ms < (WasSettled(input) ? kReadyPatienceMs : kUnreadyPatienceMs)) return;
      return Refuse(decision, input, world, reason::kBrokerUnreachable,
                    fmt::format("{} doesn't answer: {}", cluster.name, Message(world.reached)));
  }
}

// The elements of a list, a boolean or a word, as Kafka reads them.
std::string Normal(std::string_view value) {
  std::string normal;
  for (const char c : value) {
    if (c != ' ' && c != '\t') normal += c;
  }
  if (absl::EqualsIgnoreCase(normal, "true")) return "true";
  if (absl::EqualsIgnoreCase(normal, "false")) return "false";
  return normal;
}

}  // namespace

TopicDecision DecideTopic(const TopicInput& input, const TopicWorld& world) {
  TopicDecision decision;
  decision.status = *input.status;
  if (input.resource->meta.deleting()) {
    DecideDeletion(decision, input, world);
    return decision;
  }
  if (!input.resource->faults.empty()) {
    decision.status.observed_generation = input.resource->meta.generation;
    Refuse(decision, input, world, reason::kInvalidSpec, input.resource->faults);
  } else if (input.rival != nullptr && world.cluster.state != KafkaCluster::State::kNotFound) {
    decision.status.observed_generation = input.resource->meta.generation;
    DropFinalizer(decision, input);
    decision.status.topic_id.clear();
    Refuse(decision, input, world, reason::kResourceConflict,
           fmt::format("Topic {} is described by {} already, which is older. Delete one of the two.",
                       input.resource->KafkaName(), ToString(input.rival->meta.name)));
  } else if (world.cluster.state != KafkaCluster::State::kReady || !world.reached.ok()) {
    DecideWithoutCluster(decision, input, world);
  } else if (input.topic == nullptr) {
    DecideCreation(decision, input, world);
  } else {
    DecideExisting(decision, input, world);
  }
  return decision;
}

void Complete(TopicDecision& decision, const TopicInput& input, const TopicWorld& world,
              const TopicId& created) {
  if (!decision.create) return;
  decision.status.topic_id = ToString(created);
  decision.status.partitions = decision.create->partitions;
  decision.status.replicas = decision.create->replication_factor;
  SetReady(decision, input, world, true, reason::kReady, "The topic is as asked for.");
}

void Fail(TopicDecision& decision, const TopicInput& input, const TopicWorld& world, const Status& why) {
  const TopicResource& resource = *input.resource;
  const bool answered = kafka::client::KafkaError(why).has_value();
  decision.events.clear();
  decision.status = *input.status;
  if (resource.meta.deleting()) {
    const bool patient = world.now_ms - *resource.meta.deletion_time_ms < kDeletionPatienceMs;
    if (patient && !(input.namespace_terminating && !answered)) {
      decision.finalizer = TopicDecision::Finalizer::kKeep;
      decision.again = absl::Seconds(1);
      SetReady(decision, input, world, false, reason::kDeleting,
               fmt::format("The topic can't be deleted yet: {}", Message(why)));
      return;
    }
    Release(decision, input, "TopicLeftBehind",
            fmt::format("Topic {} couldn't be deleted and may still be there: {}", resource.KafkaName(),
                        Message(why)));
    return;
  }
  if (answered) decision.status.observed_generation = resource.meta.generation;
  Refuse(decision, input, world, answered ? reason::kKafkaError : reason::kBrokerUnreachable,
         std::string(Message(why)));
}

bool NeedsConfigs(const TopicResource& resource, const api::TopicStatus& status, const ObservedTopic* topic) {
  if (topic == nullptr || resource.meta.deleting()) return false;
  return !IsReady(status) || status.observed_generation != resource.meta.generation ||
         status.topic_id != ToString(topic->id);
}

bool NeedsReplication(const TopicResource& resource, const api::TopicStatus& status,
                      const ObservedTopic* topic) {
  if (topic == nullptr || resource.meta.deleting() || !resource.faults.empty()) return false;
  const int32_t wanted = resource.spec.replicas;
  return topic->replicas != wanted || topic->uneven || ReadyReason(status) == reason::kReplicasChanging ||
         (status.topic_id == ToString(topic->id) && status.replicas != wanted);
}

void TellBlocked(TopicDecision& decision, const TopicInput& input, const TopicWorld& world,
                 const std::string& why) {
  std::erase_if(decision.events,
                [](const TopicEvent& event) { return event.reason == reason::kReplicasChanging; });
  Refuse(decision, input, world, reason::kReplicasBlocked,
         fmt::format("The replicas of topic {} can't be changed yet: {}.", input.resource->KafkaName(), why));
}

bool HasScalingNews(const TopicResource& resource, const api::TopicStatus& status,
                    const std::optional<TopicScaling>& scaling) {
  if (!scaling || !resource.spec.autoscaling || resource.meta.deleting()) return false;
  return PartitionsAskedFor(resource.spec, scaling) > status.partitions ||
         !SameScaling(ScalingStatus(resource.spec, status.autoscaling, scaling, 0), status.autoscaling);
}

std::vector<const TopicResource*> FindRivals(const std::vector<TopicRef>& resources) {
  const auto before = [](const TopicResource& a, const TopicResource& b) {
    return std::tuple(a.meta.deleting(), a.meta.creation_time_ms, std::tie(a.meta.name)) <
           std::tuple(b.meta.deleting(), b.meta.creation_time_ms, std::tie(b.meta.name));
  };
  absl::flat_hash_map<std::string_view, const TopicResource*> claims;
  claims.reserve(resources.size());
  for (const TopicRef& resource : resources) {
    if (!resource->faults.empty() && !resource->meta.deleting()) continue;
    const TopicResource*& first = claims[resource->KafkaName()];
    if (first == nullptr || before(*resource, *first)) first = resource.get();
  }
  std::vector<const TopicResource*> rivals;
  rivals.reserve(resources.size());
  for (const TopicRef& resource : resources) {
    const auto claim = claims.find(resource->KafkaName());
    const bool has_it = claim == claims.end() || claim->second == resource.get();
    rivals.push_back(has_it ? nullptr : claim->second);
  }
  return rivals;
}

bool SameConfigValue(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const std::string x = Normal(a), y = Normal(b);
  double p = 0, q = 0;
  // Above 2^53 two integers may be one double.
  constexpr double kExact = 9e15;
  return x == y || (absl::SimpleAtod(x, &p) && absl::SimpleAtod(y, &q) && p == q && std::abs(p) < kExact);
}

}  // namespace dohle::reconcile
