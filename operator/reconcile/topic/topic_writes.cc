// What a turn writes to the API server.
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/env/for_each_bounded.h"
#include "operator/api/encode.h"
#include "operator/reconcile/topic/topic_reconciler.h"

namespace dohle::reconcile {

env::Task<void> TopicReconciler::AddFinalizers(Turn* turn) {
  std::vector<Item*> items;
  for (Item& item : turn->items) {
    if (item.decision.finalizer == TopicDecision::Finalizer::kAdd) items.push_back(&item);
  }
  co_await env::ForEachBounded(items.size(), options_.writes_in_flight,
                               [this, &items](size_t i) { return AddFinalizer(items[i]); });
}

env::Task<void> TopicReconciler::AddFinalizer(Item* item) {
  Status set = co_await SetFinalizer(item, true);
  if (set.ok()) co_return;
  // Without it nothing is done: who deletes the Topic meanwhile must find it deleted for good.
  item->failure = set;
  item->decision.status = *item->input.status;
  item->decision.events.clear();
}

env::Task<Status> TopicReconciler::SetFinalizer(Item* item, bool present) {
  const k8s::ObjectMeta& meta = item->resource->meta;
  k8s::Json finalizers = k8s::Json::array();
  for (const std::string& finalizer : meta.finalizers) {
    if (finalizer != kTopicFinalizer) finalizers.push_back(finalizer);
  }
  if (present) finalizers.push_back(kTopicFinalizer);
  // The list is replaced as a whole: only if it is still the one that we know.
  k8s::Json patch = {{"metadata",
                      {{"uid", meta.uid},
                       {"resourceVersion", meta.resource_version},
                       {"finalizers", std::move(finalizers)}}}};
  k8s::ObjectName name = meta.name;
  StatusOr<k8s::Json> patched =
      co_await api_.MergePatch(k8s::kTopics, std::move(name), std::move(patch), k8s::Subresource::kNone);
  const bool gone = absl::IsNotFound(patched.status());
  if (gone) item->record->doomed = true;  // what still shows it is an older copy
  if (!patched.ok() && !(gone && !present)) co_return patched.status();
  item->record->finalizer = present;
  item->record->written_at = Now();
  if (meta.deleting() && !present) item->record->finished = true;
  co_return OkStatus();
}

env::Task<void> TopicReconciler::WriteAll(Turn* turn) {
  std::vector<Item>& items = turn->items;
  co_await env::ForEachBounded(items.size(), options_.writes_in_flight,
                               [this, &items](size_t i) { return WriteOne(&items[i]); });
}

env::Task<void> TopicReconciler::WriteOne(Item* item) {
  Record& record = *item->record;
  const bool deleting = item->resource->meta.deleting();
  if (item->decision.finalizer == TopicDecision::Finalizer::kRemove && (item->failure.ok() || deleting)) {
    Status set = co_await SetFinalizer(item, false);
    if (!set.ok()) {
      item->failure = set;
    } else if (deleting) {
      item->failure = OkStatus();
      co_return;  // that was the last of it
    }
  }
  const api::TopicStatus& stored = record.unwritten ? item->resource->status : *item->input.status;
  if (SameStatus(item->decision.status, stored)) co_return;
  Status written = co_await WriteStatus(item);
  const bool gone = absl::IsNotFound(written);
  if (gone) record.doomed = true;
  if (!written.ok() && !gone) item->failure = written;
  // Remembered whether it is stored or not: what was told isn't told again.
  record.unwritten = !written.ok() && !gone;
  record.written_at = Now();
  record.status = std::make_unique<api::TopicStatus>(std::move(item->decision.status));
  record.named_at.reset();
  if (!record.status->topic_id.empty()) record.named_at = Now();
}

env::Task<Status> TopicReconciler::WriteStatus(Item* item) {
  k8s::Json object = k8s::NewObject(k8s::kTopics, item->resource->meta.name);
  object["metadata"]["uid"] = item->resource->meta.uid;
  object["status"] = api::EncodeStatus(item->decision.status);
  k8s::ApplyOptions options;
  options.field_manager = options_.field_manager;
  options.subresource = k8s::Subresource::kStatus;
  StatusOr<k8s::Json> applied = co_await api_.Apply(k8s::kTopics, std::move(object), std::move(options));
  co_return applied.status();
}

}  // namespace dohle::reconcile
