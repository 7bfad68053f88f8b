// What a turn does in Kafka.
#include <utility>

#include "lib/kafka/client/kafka_status.h"
#include "operator/reconcile/topic/topic_reconciler.h"

namespace dohle::reconcile {
namespace {

const absl::Duration kRememberRemoved = absl::Minutes(1);
// A failure that may pass by itself is told when it has come so often.
constexpr int kSilentFailures = 3;

// It may pass, and may have been done all the same.
bool IsUnclear(const Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status) ||
         absl::IsResourceExhausted(status);
}

}  // namespace

env::Task<void> TopicReconciler::Act(Turn* turn) {
  // A step may end leadership or the process: each asks again.
  if (MayAct()) co_await Delete(turn);
  if (MayAct()) co_await Create(turn);
  if (MayAct()) co_await Grow(turn);
  if (MayAct()) co_await Alter(turn);
  if (MayAct()) co_await Reassign(turn);
  if (MayAct()) co_return;
  for (Item& item : turn->items) {
    if (item.failure.ok()) item.failure = MakeStatus(StatusCode::kCancelled, "this process leads no more");
  }
}

env::Task<void> TopicReconciler::Delete(Turn* turn) {
  std::vector<Item*> items;
  std::vector<TopicId> ids;
  for (Item& item : turn->items) {
    if (!item.failure.ok() || !item.decision.remove) continue;
    items.push_back(&item);
    ids.push_back(*item.decision.remove);
  }
  if (items.empty()) co_return;
  const std::vector<TopicId> asked = ids;
  const std::vector<Status> results = co_await kafka_->admin.DeleteTopics(std::move(ids));
  for (size_t i = 0; i < items.size(); ++i) {
    if (results[i].ok() || absl::IsNotFound(results[i])) {
      removed_[asked[i]] = Now() + kRememberRemoved;
    } else {
      Failed(*items[i], turn->world, results[i]);
    }
  }
}

env::Task<void> TopicReconciler::Create(Turn* turn) {
  std::vector<Item*> items;
  std::vector<kafka::client::NewTopic> topics;
  for (Item& item : turn->items) {
    if (!item.failure.ok() || !item.decision.create) continue;
    items.push_back(&item);
    topics.push_back(*item.decision.create);
  }
  if (items.empty()) co_return;
  const std::vector<StatusOr<TopicId>> results = co_await kafka_->admin.CreateTopics(std::move(topics));
  for (size_t i = 0; i < items.size(); ++i) {
    Item& item = *items[i];
    if (results[i].ok()) {
      Complete(item.decision, item.input, turn->world, *results[i]);
    } else if (absl::IsAlreadyExists(results[i].status())) {
      // Not seen yet: the next turn finds out whose it is.
      item.decision.status = *item.input.status;
      item.decision.events.clear();
      item.failure = MakeStatus(StatusCode::kAborted, "{}", Message(results[i].status()));
    } else {
      if (IsUnclear(results[i].status())) item.record->creation_unclear = true;
      Failed(item, turn->world, results[i].status());
    }
  }
}

env::Task<void> TopicReconciler::Grow(Turn* turn) {
  std::vector<Item*> items;
  std::vector<kafka::client::TopicGrowth> topics;
  for (Item& item : turn->items) {
    if (!item.failure.ok() || !item.decision.grow) continue;
    items.push_back(&item);
    topics.push_back(*item.decision.grow);
  }
  if (items.empty()) co_return;
  const std::vector<Status> results = co_await kafka_->admin.CreatePartitions(std::move(topics));
  for (size_t i = 0; i < items.size(); ++i) {
    if (!results[i].ok()) Failed(*items[i], turn->world, results[i]);
  }
}

env::Task<void> TopicReconciler::Alter(Turn* turn) {
  std::vector<Item*> items;
  std::vector<kafka::client::TopicConfigChange> changes;
  for (Item& item : turn->items) {
    if (!item.failure.ok() || !item.decision.alter) continue;
    items.push_back(&item);
    changes.push_back(*item.decision.alter);
  }
  if (items.empty()) co_return;
  const std::vector<Status> results = co_await kafka_->admin.AlterTopicConfigs(std::move(changes));
  for (size_t i = 0; i < items.size(); ++i) {
    if (!results[i].ok()) Failed(*items[i], turn->world, results[i]);
  }
}

env::Task<void> TopicReconciler::Reassign(Turn* turn) {
  std::vector<Item*> items;
  StringMap<int32_t> wanted;
  for (Item& item : turn->items) {
    if (!item.failure.ok() || !item.decision.replicas) continue;
    items.push_back(&item);
    wanted.emplace(item.resource->KafkaName(), *item.decision.replicas);
  }
  if (items.empty()) co_return;
  ReplicationStep step = PlanReplication(turn->sight.topology, wanted);
  for (Item* item : items) {
    if (!step.refusal.empty()) TellBlocked(item->decision, item->input, turn->world, step.refusal);
  }
  if (step.moves.empty()) co_return;
  const Status begun = co_await kafka_->cluster_admin.AlterReassignments(std::move(step.moves));
  for (Item* item : items) {
    if (!begun.ok()) Failed(*item, turn->world, begun);
  }
}

void TopicReconciler::Failed(Item& item, const TopicWorld& world, const Status& why) {
  item.failure = why;
  const bool silent = IsUnclear(why) && item.record->failures < kSilentFailures;
  if (silent && !item.resource->meta.deleting()) {
    item.decision.status = *item.input.status;
    item.decision.events.clear();
  } else {
    Fail(item.decision, item.input, world, why);
  }
}

void TopicReconciler::Tell(const Item& item) {
  const bool ends =
      item.resource->meta.deleting() && item.decision.finalizer == TopicDecision::Finalizer::kRemove;
  if (ends && std::exchange(item.record->end_told, true)) return;
  for (const TopicEvent& event : item.decision.events) {
    if (event.warning) {
      events_.Warning(k8s::kTopics, item.resource->meta, event.reason, "Reconcile", event.note);
    } else {
      events_.Normal(k8s::kTopics, item.resource->meta, event.reason, "Reconcile", event.note);
    }
  }
}

}  // namespace dohle::reconcile
