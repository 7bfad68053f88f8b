#include "operator/local/store_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/k8s/object.h"

namespace dohle::local {

using k8s::Json;
using k8s::WatchEvent;

StoreWatch::StoreWatch(std::shared_ptr<ObjectStore> store, const Kind& kind, std::string ns,
                       ObjectSelector selector, const env::Clock& clock)
    : store_(std::move(store)),
      kind_(kind),
      ns_(std::move(ns)),
      selector_(std::move(selector)),
      clock_(clock),
      last_told_(clock.Now()) {}

StoreWatch::~StoreWatch() { StoreWatch::Close(); }

StatusOr<std::unique_ptr<StoreWatch>> StoreWatch::Start(std::shared_ptr<ObjectStore> store, const Kind& kind,
                                                        std::string ns, ObjectSelector selector,
                                                        uint64_t version, const env::Clock& clock) {
  std::unique_ptr<StoreWatch> watch(
      new StoreWatch(std::move(store), kind, std::move(ns), std::move(selector), clock));
  watch->version_ = version == 0 ? watch->store_->version() : version;
  const ObjectStore::Change* change = nullptr;
  if (!watch->store_->NextChange(watch->version_, &change)) {
    return MakeStatus(StatusCode::kOutOfRange, "too old resource version: {} ({})", version,
                      watch->store_->version());
  }
  if (version == 0) {
    for (const auto& [name, record] : watch->store_->All(kind)) {
      if (!watch->InScope(name)) continue;
      auto object = std::make_shared<const Json>(record.Object());
      if (watch->selector_.Matches(*object)) watch->first_.push_back({WatchEvent::Type::kAdded, object});
    }
  }
  return watch;
}

bool StoreWatch::Wanted(const ObjectStore::Text& object) const {
  if (object == nullptr || selector_.MatchesAll()) return object != nullptr;
  return selector_.Matches(Json::parse(*object, nullptr, false));
}

StatusOr<WatchEvent> StoreWatch::Take() {
  if (!first_.empty()) {
    WatchEvent event = std::move(first_.front());
    first_.pop_front();
    return event;
  }
  for (;;) {
    const ObjectStore::Change* change = nullptr;
    if (!store_->NextChange(version_, &change)) {
      return MakeStatus(StatusCode::kOutOfRange, "the watch of {} fell behind: version {} is too old",
                        kind_.resource.plural, version_);
    }
    if (change == nullptr) return MakeStatus(StatusCode::kNotFound, "no event");
    version_ = change->version;
    if (change->kind != &kind_ || !InScope(change->name)) continue;
    const bool before = Wanted(change->before);
    const bool after = !change->removed && Wanted(change->after);
    if (!before && !after) continue;
    const auto type = !after   ? WatchEvent::Type::kDeleted
                      : before ? WatchEvent::Type::kModified
                               : WatchEvent::Type::kAdded;
    return WatchEvent{type, std::make_shared<const Json>(Json::parse(*change->after, nullptr, false))};
  }
}

env::Task<StatusOr<WatchEvent>> StoreWatch::Next(absl::Duration patience) {
  const env::MonotonicTime deadline = clock_.Now() + patience;
  for (;;) {
    if (closed_) co_return MakeStatus(StatusCode::kCancelled, "the watch was closed");
    StatusOr<WatchEvent> event = Take();
    if (event.ok() || event.status().code() != StatusCode::kNotFound) {
      last_told_ = clock_.Now();
      co_return event;
    }
    const env::MonotonicTime now = clock_.Now();
    const env::MonotonicTime bookmark = last_told_ + kBookmarkInterval;
    if (now >= bookmark) {
      last_told_ = now;
      Json object = {{"kind", kind_.resource.kind},
                     {"apiVersion", kind_.resource.ApiVersion()},
                     {"metadata", {{"resourceVersion", std::to_string(version_)}}}};
      co_return WatchEvent{WatchEvent::Type::kBookmark, std::make_shared<const Json>(std::move(object))};
    }
    if (now >= deadline) co_return MakeStatus(StatusCode::kDeadlineExceeded, "no event in time");
    if (store_->closed()) co_return MakeStatus(StatusCode::kUnavailable, "the store has ended");
    wakeup_ = store_->Wakeup();
    const std::shared_ptr<env::OneShot<bool>> wakeup = wakeup_;
    co_await wakeup->WaitFor(std::min(deadline, bookmark) - now);
  }
}

void StoreWatch::Close() {
  closed_ = true;
  if (wakeup_ != nullptr) wakeup_->Set(true);
}

}  // namespace dohle::local
