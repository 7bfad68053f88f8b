#include "operator/reconcile/topic/topic_reconciler.h"

#include <algorithm>
#include <utility>

#include "lib/kafka/client/kafka_status.h"
#include "operator/reconcile/kafka/kafka_admin_control.h"
#include "operator/reconcile/look_interval.h"

namespace dohle::reconcile {
namespace {

// What one turn does at most: bounds its memory, and lets statuses come while more is to be done.
constexpr size_t kMostOfTurn = 2000;
// More Topics than these are looked at in a list of all topics.
constexpr size_t kMostNamed = 200;
// What was written and isn't seen for so long was overwritten by somebody.
const absl::Duration kUnseenFor = absl::Minutes(1);
// How old a copy may be that still shows what is gone.
const absl::Duration kRememberGone = absl::Minutes(10);
// Until then a broker may not have heard of what its controller did.
const absl::Duration kHeardOf = absl::Milliseconds(500);
const absl::Duration kSurelyGone = absl::Seconds(5);
const absl::Duration kWhileUnreachable = absl::Seconds(1);

ObservedTopic Observe(const kafka::client::TopicDescription& topic) {
  ObservedTopic observed;
  observed.id = topic.id;
  observed.partitions = static_cast<int32_t>(topic.partitions.size());
  if (!topic.partitions.empty()) {
    observed.replicas = static_cast<int32_t>(topic.partitions.front().replicas.size());
  }
  for (const auto& partition : topic.partitions)
    observed.uneven = observed.uneven || static_cast<int32_t>(partition.replicas.size()) != observed.replicas;
  observed.internal = topic.internal;
  return observed;
}

template <typename Map>
void Expire(Map& map, env::MonotonicTime now) {
  for (auto it = map.begin(); it != map.end();) {
    if (it->second <= now) {
      map.erase(it++);
    } else {
      ++it;
    }
  }
}

}  // namespace

TopicReconciler::TopicReconciler(env::Env& env, env::Executor& executor, k8s::Client& api, EventSink& events,
                                 TopicReconcilerOptions options)
    : env_(env), executor_(executor), api_(api), events_(events), options_(std::move(options)) {}

TopicReconciler::~TopicReconciler() = default;

void TopicReconciler::Close() {
  closed_ = true;
  if (kafka_ != nullptr) kafka_->client.Close();
}

env::Task<absl::Duration> TopicReconciler::RunOnce(TopicInputs inputs) {
  Turn turn;
  turn.inputs = std::move(inputs);
  Begin(turn);
  if (turn.candidates.empty()) co_return End(turn);
  if (turn.inputs.cluster.state == KafkaCluster::State::kReady) {
    turn.world.reached = co_await Look(&turn);
    if (closed_) co_return absl::InfiniteDuration();
    if (turn.world.reached.ok()) {
      unreachable_since_.reset();
    } else {
      if (!unreachable_since_) unreachable_since_ = Now();
      turn.world.unreachable_for_ms = absl::ToInt64Milliseconds(Now() - *unreachable_since_);
    }
  }
  turn.world.cluster = turn.inputs.cluster;
  turn.world.now_ms = executor_.clock().WallTimeMs();
  Decide(turn);
  co_await AddFinalizers(&turn);
  co_await Act(&turn);
  for (const Item& item : turn.items) Tell(item);
  co_await WriteAll(&turn);
  for (Item& item : turn.items) Settle(item);
  co_return End(turn);
}

// Which Topics are to be looked at: those that aren't settled, or all if that is due.
void TopicReconciler::Begin(Turn& turn) {
  ++turn_;
  Expire(doomed_, Now());
  Expire(removed_, Now());
  TopicInputs& inputs = turn.inputs;
  DropDoomed(inputs.topics);
  const bool other_cluster =
      inputs.cluster.state != cluster_.state || inputs.cluster.bootstrap != cluster_.bootstrap;
  cluster_ = inputs.cluster;
  UseCluster(inputs.cluster);
  turn.resync_interval = LookInterval(options_.resync_interval, inputs.of_all);
  turn.slice = static_cast<size_t>(static_cast<double>(options_.slice) *
                                   absl::FDivDuration(turn.resync_interval, options_.resync_interval));
  turn.whole = other_cluster || Now() >= next_resync_ || unreachable_since_.has_value();
  const std::vector<const TopicResource*> rivals = FindRivals(inputs.topics);
  const size_t n = inputs.topics.size();
  for (size_t i = 0; i < n; ++i) {
    const TopicResource& resource = *inputs.topics[i];
    Record& record = RecordOf(resource);
    record.seen_in_turn = turn_;
    CatchUp(record, resource);
    if (record.finished) continue;
    if (IsOutdated(record, resource)) {
      record.settled = false;
      record.retry_at = Now() + kWhileUnreachable;
      continue;
    }
    if (record.acted_at && Now() < *record.acted_at + kHeardOf) {
      record.settled = false;
      record.retry_at = *record.acted_at + kHeardOf;
      continue;
    }
    const std::string rival = rivals[i] == nullptr ? std::string() : rivals[i]->meta.uid;
    if (record.rival != rival || record.generation != resource.meta.generation) {
      record.settled = false;
      record.retry_at = {};
    }
    record.rival = rival;
    record.generation = resource.meta.generation;
    if (record.settled && resource.spec.autoscaling && inputs.scaling) {
      const api::TopicStatus& status = record.status ? *record.status : resource.status;
      if (HasScalingNews(resource, status, inputs.scaling(resource.KafkaName()))) record.settled = false;
    }
    const bool due = !record.settled && record.retry_at <= Now();
    if (!due && !(turn.whole && record.settled)) continue;
    const size_t place = (i + n - slice_begin_ % std::max<size_t>(n, 1)) % n;
    turn.candidates.push_back({&inputs.topics[i], &record, rivals[i], turn.whole && place < turn.slice});
  }
  ForgetVanished(turn);
}

void TopicReconciler::DropDoomed(std::vector<TopicRef>& topics) const {
  const auto gone = [this](const TopicRef& topic) { return doomed_.contains(topic->meta.uid); };
  topics.erase(std::remove_if(topics.begin(), topics.end(), gone), topics.end());
}

TopicReconciler::Record& TopicReconciler::RecordOf(const TopicResource& resource) {
  std::unique_ptr<Record>& record = records_[resource.meta.name];
  if (record != nullptr && record->uid == resource.meta.uid) return *record;
  if (record != nullptr) {
    TellRetained(resource.meta.name, *record);
    doomed_[record->uid] = Now() + kRememberGone;  // a name has one object at a time
  }
  record = std::make_unique<Record>();
  record->uid = resource.meta.uid;
  return *record;
}

void TopicReconciler::CatchUp(Record& record, const TopicResource& resource) const {
  const bool overdue = Now() - record.written_at > kUnseenFor;
  if (record.status && (SameStatus(resource.status, *record.status) || (overdue && !record.unwritten))) {
    record.status.reset();
    record.unwritten = false;
  }
  if (record.finalizer && (resource.meta.HasFinalizer(kTopicFinalizer) == *record.finalizer || overdue)) {
    record.finalizer.reset();
    record.finished = false;
  }
  if (resource.meta.deleting() && !std::exchange(record.doomed, true)) {
    record.settled = false;
    record.retry_at = {};
  }
  record.retained = IsRetained(record, resource);
  if (!resource.status.topic_id.empty()) record.named_at = Now();
}

bool TopicReconciler::IsRetained(const Record& record, const TopicResource& resource) {
  const api::TopicStatus& status = record.status ? *record.status : resource.status;
  return resource.spec.deletion_policy == api::DeletionPolicy::kRetain && !status.topic_id.empty();
}

// Informers rarely go back in time, but they do when they list again from another server.
bool TopicReconciler::IsOutdated(const Record& record, const TopicResource& resource) const {
  if (resource.meta.generation < record.generation) return true;
  if (record.doomed && !resource.meta.deleting()) return true;
  return !record.status && resource.status.topic_id.empty() && record.named_at &&
         Now() - *record.named_at < kUnseenFor;
}

// What isn't shown may be in a newer copy than this one: it is remembered for a while.
void TopicReconciler::ForgetVanished(const Turn& turn) {
  for (auto it = records_.begin(); it != records_.end();) {
    Record& record = *it->second;
    if (record.seen_in_turn == turn_) {
      record.vanished_at.reset();
    } else if (!record.vanished_at) {
      record.vanished_at = Now();
    }
    const absl::Duration gone = record.vanished_at ? Now() - *record.vanished_at : absl::ZeroDuration();
    if (gone >= kSurelyGone && turn.inputs.cluster.state == KafkaCluster::State::kReady) {
      TellRetained(it->first, record);
    }
    if (gone < kRememberGone) {
      ++it;
    } else {
      records_.erase(it++);
    }
  }
}

void TopicReconciler::TellRetained(const k8s::ObjectName& name, Record& record) {
  if (!std::exchange(record.retained, false)) return;
  k8s::ObjectMeta meta;
  meta.name = name;
  meta.uid = record.uid;
  events_.Normal(k8s::kTopics, meta, "TopicRetained", "Retain",
                 "The Topic is deleted, its topic stays as spec.deletionPolicy says.");
}

void TopicReconciler::UseCluster(const KafkaCluster& cluster) {
  if (cluster.state != KafkaCluster::State::kReady || cluster.bootstrap == bootstrap_) return;
  bootstrap_ = cluster.bootstrap;
  if (kafka_ != nullptr) kafka_->client.Close();
  kafka_.reset();
  unreachable_since_.reset();
  StatusOr<std::vector<env::Endpoint>> servers = kafka::client::ParseBootstrapServers(bootstrap_);
  if (!servers.ok()) return;
  kafka::client::ClusterClientOptions options;
  options.connection.client_id = options_.client_id;
  options.connection.request_timeout = options_.request_timeout;
  kafka_ = std::make_shared<KafkaClient>(env_.transport, executor_, std::move(*servers), std::move(options));
}

env::Task<Status> TopicReconciler::Look(Turn* turn) {
  if (kafka_ == nullptr) {
    co_return MakeStatus(StatusCode::kInvalidArgument, "'{}' names no server", bootstrap_);
  }
  Status seen;
  if (turn->whole || turn->candidates.size() > kMostNamed) {
    seen = co_await LookAtAll(turn);
  } else {
    seen = co_await LookAtNamed(turn);
  }
  if (seen.ok()) seen = co_await LookAtReplication(turn);
  if (!seen.ok()) co_return seen;
  co_return co_await LookAtConfigs(turn);
}

env::Task<Status> TopicReconciler::LookAtReplication(Turn* turn) {
  const auto needs = [&](const Candidate& candidate) {
    const TopicResource& resource = **candidate.resource;
    const auto topic = turn->sight.topics.find(resource.KafkaName());
    const api::TopicStatus& status = candidate.record->status ? *candidate.record->status : resource.status;
    return candidate.rival == nullptr && topic != turn->sight.topics.end() &&
           NeedsReplication(resource, status, &topic->second);
  };
  if (std::none_of(turn->candidates.begin(), turn->candidates.end(), needs)) co_return OkStatus();
  const auto cluster = co_await kafka_->cluster_admin.DescribeCluster();
  if (!cluster.ok()) co_return cluster.status();
  const auto topics = co_await kafka_->admin.ListTopics();
  if (!topics.ok()) co_return topics.status();
  const auto reassignments = co_await kafka_->cluster_admin.ListReassignments();
  if (!reassignments.ok()) co_return reassignments.status();
  const kafka::client::LogDirs dirs = co_await kafka_->admin.DescribeLogDirs();
  turn->sight.topology = TopologyOf(*cluster, *topics, *reassignments, {}, dirs);
  turn->sight.replication = SeeReplication(turn->sight.topology);
  co_return OkStatus();
}

env::Task<Status> TopicReconciler::LookAtAll(Turn* turn) {
  StatusOr<std::vector<kafka::client::TopicDescription>> listed = co_await kafka_->admin.ListTopics();
  if (!listed.ok()) co_return listed.status();
  turn->listed = true;
  StringMap<ObservedTopic>& topics = turn->sight.topics;
  topics.reserve(listed->size());
  for (kafka::client::TopicDescription& topic : *listed) {
    // A broker that hasn't heard of the deletion yet shows what is gone.
    if (removed_.contains(topic.id)) continue;
    const ObservedTopic observed = Observe(topic);
    topics.emplace(std::move(topic.name), observed);
  }
  co_return OkStatus();
}

env::Task<Status> TopicReconciler::LookAtNamed(Turn* turn) {
  std::vector<std::string> names;
  for (const Candidate& candidate : turn->candidates) names.push_back((*candidate.resource)->KafkaName());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const auto described = co_await kafka_->admin.DescribeTopics(names);
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& topic = described[i];
    if (topic.ok()) {
      if (!removed_.contains(topic->id)) turn->sight.topics.emplace(names[i], Observe(*topic));
    } else if (!kafka::client::KafkaError(topic.status())) {
      co_return topic.status();
    } else if (!absl::IsNotFound(topic.status()) && !absl::IsInvalidArgument(topic.status())) {
      turn->sight.unknown.insert(names[i]);
    }
  }
  co_return OkStatus();
}

env::Task<Status> TopicReconciler::LookAtConfigs(Turn* turn) {
  std::vector<std::string> needed, others;
  for (const Candidate& candidate : turn->candidates) {
    const TopicResource& resource = **candidate.resource;
    const auto topic = turn->sight.topics.find(resource.KafkaName());
    if (topic == turn->sight.topics.end() || candidate.rival != nullptr) continue;
    const api::TopicStatus& status = candidate.record->status ? *candidate.record->status : resource.status;
    if (NeedsConfigs(resource, status, &topic->second)) {
      if (needed.size() < kMostOfTurn) needed.push_back(resource.KafkaName());
    } else if (candidate.in_slice) {
      others.push_back(resource.KafkaName());
    }
  }
  needed.insert(needed.end(), others.begin(), others.end());
  auto described = co_await kafka_->admin.DescribeTopicConfigs(needed);
  for (size_t i = 0; i < needed.size(); ++i) {
    if (described[i].ok()) {
      turn->sight.configs.emplace(std::move(needed[i]), std::move(*described[i]));
    } else if (!kafka::client::KafkaError(described[i].status())) {
      co_return described[i].status();
    }
  }
  co_return OkStatus();
}

bool TopicReconciler::FillInput(const Turn& turn, const Candidate& candidate, TopicInput& input) const {
  const TopicResource& resource = **candidate.resource;
  const Record& record = *candidate.record;
  const std::string& name = resource.KafkaName();
  input.resource = &resource;
  input.status = record.status ? &*record.status : &resource.status;
  input.finalizer = record.finalizer.value_or(resource.meta.HasFinalizer(kTopicFinalizer));
  input.rival = candidate.rival;
  input.creation_unclear = record.creation_unclear;
  if (turn.inputs.namespace_terminating) {
    input.namespace_terminating = turn.inputs.namespace_terminating(resource.meta.name.ns);
  }
  if (turn.world.cluster.state != KafkaCluster::State::kReady || !turn.world.reached.ok()) return true;
  if (turn.sight.unknown.contains(name)) return false;
  if (const auto topic = turn.sight.topics.find(name); topic != turn.sight.topics.end()) {
    input.topic = &topic->second;
  }
  if (const auto configs = turn.sight.configs.find(name); configs != turn.sight.configs.end()) {
    input.configs = &configs->second;
  }
  if (const auto sight = turn.sight.replication.find(name); sight != turn.sight.replication.end()) {
    input.replication = &sight->second;
  }
  if (resource.spec.autoscaling && turn.inputs.scaling) input.scaling = turn.inputs.scaling(name);
  if (candidate.in_slice && turn.inputs.measures) input.measures = turn.inputs.measures(name);
  return input.configs != nullptr || input.rival != nullptr ||
         !NeedsConfigs(resource, *input.status, input.topic);
}

void TopicReconciler::Decide(Turn& turn) {
  for (const Candidate& candidate : turn.candidates) {
    if (turn.items.size() == kMostOfTurn) {
      turn.more = true;
      break;
    }
    Item item;
    if (!FillInput(turn, candidate, item.input)) {
      candidate.record->settled = false;
      candidate.record->retry_at = Now() + kWhileUnreachable;
      continue;
    }
    item.decision = DecideTopic(item.input, turn.world);
    item.resource = *candidate.resource;
    item.record = candidate.record;
    const bool idle = !item.decision.acts() && !item.decision.again && item.decision.events.empty() &&
                      item.decision.finalizer == TopicDecision::Finalizer::kKeep && !item.record->unwritten &&
                      SameStatus(item.decision.status, *item.input.status);
    if (idle) {
      Settle(item);
    } else {
      turn.items.push_back(std::move(item));
    }
  }
}

void TopicReconciler::Settle(Item& item) {
  Record& record = *item.record;
  if (item.decision.acts()) record.acted_at = Now();
  const bool unanswered = unreachable_since_.has_value() && cluster_.state == KafkaCluster::State::kReady;
  if (!item.failure.ok()) {
    record.settled = false;
    constexpr int kMostDoublings = 8;
    const absl::Duration pause =
        absl::IsAborted(item.failure)
            ? absl::Milliseconds(200)
            : absl::Milliseconds(200) * (1 << std::min(record.failures, kMostDoublings));
    if (!absl::IsAborted(item.failure)) ++record.failures;
    record.retry_at = Now() + std::min(pause, absl::Duration(absl::Seconds(30)));
    return;
  }
  record.failures = 0;
  record.retry_at = {};
  record.creation_unclear = record.creation_unclear && !item.decision.create && item.input.topic == nullptr;
  record.retained = IsRetained(record, *item.input.resource);
  record.settled = !item.decision.again && !unanswered;
  if (unanswered) record.retry_at = Now() + kWhileUnreachable;
  if (item.decision.again) record.retry_at = Now() + *item.decision.again;
}

absl::Duration TopicReconciler::End(Turn& turn) {
  if (closed_) return absl::InfiniteDuration();
  if (turn.more) return absl::ZeroDuration();
  if (turn.whole) {
    next_resync_ = Now() + turn.resync_interval;
    slice_begin_ += turn.slice;
    if (turn.listed) topics_ = std::move(turn.sight.topics);
  }
  env::MonotonicTime next = next_resync_;
  for (const auto& [name, record] : records_) {
    if (!record->settled && !record->finished && !record->vanished_at)
      next = std::min(next, record->retry_at);
  }
  return std::max(next - Now(), absl::Duration(absl::ZeroDuration()));
}

}  // namespace dohle::reconcile
