#include "operator/local/object_follower.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(5);
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

k8s::ObjectName NameOf(const k8s::Json& object) {
  return {k8s::FindString(object, "metadata.namespace"), k8s::FindString(object, "metadata.name")};
}

}  // namespace

void ObjectFollower::Set(const k8s::ObjectName& name, std::shared_ptr<const k8s::Json> object) {
  const auto found = objects_.find(name);
  const std::shared_ptr<const k8s::Json> before = found == objects_.end() ? nullptr : found->second;
  if (object == nullptr) {
    if (before == nullptr) return;
    objects_.erase(found);
  } else {
    if (before != nullptr && *before == *object) return;
    objects_[name] = object;
  }
  on_change_(name, object, before);
}

env::Task<StatusOr<std::string>> ObjectFollower::ListAll() {
  k8s::ListOptions options;
  Objects gone = objects_;
  std::string version;
  do {
    StatusOr<k8s::ListPage> page = co_await client_.List(resource_, options);
    if (!page.ok()) co_return page.status();
    for (k8s::Json& item : page->items) {
      const k8s::ObjectName name = NameOf(item);
      gone.erase(name);
      Set(name, std::make_shared<const k8s::Json>(std::move(item)));
    }
    version = page->resource_version;
    options.continue_token = page->continue_token;
  } while (!options.continue_token.empty());
  for (const auto& [name, object] : gone) Set(name, nullptr);
  co_return version;
}

env::Task<Status> ObjectFollower::WatchFrom(std::string* version) {
  k8s::WatchOptions options;
  options.resource_version = *version;
  StatusOr<std::unique_ptr<k8s::Watch>> watch = co_await client_.StartWatch(resource_, options);
  if (!watch.ok()) co_return watch.status();
  watch_ = std::move(*watch);
  while (!stop_.stopped()) {
    const StatusOr<k8s::WatchEvent> event = co_await watch_->Next(kPatience);
    if (!event.ok() && event.status().code() == StatusCode::kDeadlineExceeded) continue;
    if (!event.ok()) co_return event.status();
    *version = k8s::FindString(*event->object, "metadata.resourceVersion");
    if (event->type == k8s::WatchEvent::Type::kBookmark) continue;
    const bool deleted = event->type == k8s::WatchEvent::Type::kDeleted;
    Set(NameOf(*event->object), deleted ? nullptr : event->object);
  }
  co_return OkStatus();
}

env::Task<void> ObjectFollower::Run() {
  while (!stop_.stopped()) {
    StatusOr<std::string> version = co_await ListAll();
    Status status = version.status();
    while (status.ok() && !stop_.stopped()) {
      status = co_await WatchFrom(&*version);
      if (status.code() == StatusCode::kOutOfRange) break;
    }
    if (stop_.stopped() || status.code() == StatusCode::kOutOfRange) continue;
    log::Warning("local", "cannot follow {}: {}", resource_.plural, Message(status));
    co_await stop_.SleepFor(kRetryDelay);
  }
}

void ObjectFollower::Stop() {
  stop_.Stop();
  if (watch_ != nullptr) watch_->Close();
}

}  // namespace dohle::local
