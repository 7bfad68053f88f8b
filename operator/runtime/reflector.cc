#include "operator/runtime/reflector.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "operator/k8s/object.h"

namespace dohle::runtime {
namespace {

// A watch that ends this soon was refused in fact: it counts as a failure, lest we turn in a circle.
constexpr absl::Duration kShortWatch = absl::Seconds(1);

}  // namespace

Reflector::Reflector(k8s::Client& client, env::Random& random, Scope scope, ReflectorSink& sink)
    : client_(client), random_(random), scope_(std::move(scope)), sink_(sink) {}

env::Task<void> Reflector::Run(env::StopSignal& stop) {
  BackOff back_off;
  const env::Clock& clock = env::Executor::Current()->clock();
  while (!stop.stopped()) {
    Status status = OkStatus();
    bool fruitful = false;
    if (resource_version_.empty()) {
      status = co_await List();
      fruitful = status.ok();
    } else {
      const env::MonotonicTime began = clock.Now();
      status = co_await FollowWatch();
      fruitful = clock.Now() - began >= kShortWatch;
    }
    if (stop.stopped()) break;
    if (absl::IsOutOfRange(status)) {
      resource_version_.clear();
    } else if (!status.ok()) {
      ++failures_;
      log::Warning("operator", "{} of {}: {}; trying again", resource_version_.empty() ? "list" : "watch",
                   scope_.resource.plural, Message(status));
    }
    if (fruitful) back_off.Reset();
    if (fruitful && status.ok()) continue;
    absl::Duration delay = back_off.Next(random_);
    if (const auto asked = k8s::RetryAfter(status)) delay = std::max(delay, *asked);
    const bool stopped = co_await stop.SleepFor(delay);
    if (stopped) break;
  }
}

void Reflector::Interrupt() {
  interrupted_ = true;
  if (watch_ != nullptr) watch_->Close();
}

env::Task<Status> Reflector::List() {
  ++lists_;
  k8s::ListOptions options;
  options.ns = scope_.ns;
  options.selector = scope_.selector;
  sink_.BeginList();
  std::string version;
  do {
    StatusOr<k8s::ListPage> page = co_await client_.List(scope_.resource, options);
    if (!page.ok()) co_return page.status();
    for (const k8s::Json& object : page->items) sink_.Upsert(object);
    options.continue_token = page->continue_token;
    version = page->resource_version;
  } while (!options.continue_token.empty());
  sink_.EndList();
  resource_version_ = std::move(version);
  synced_ = true;
  co_return OkStatus();
}

env::Task<Status> Reflector::FollowWatch() {
  k8s::WatchOptions options;
  options.ns = scope_.ns;
  options.selector = scope_.selector;
  options.resource_version = resource_version_;
  StatusOr<std::unique_ptr<k8s::Watch>> started = co_await client_.StartWatch(scope_.resource, options);
  if (!started.ok()) co_return started.status();
  watch_ = std::move(*started);
  // It began before that, and answers only now.
  if (interrupted_) watch_->Close();
  Status ended = OkStatus();
  while (ended.ok()) {
    StatusOr<k8s::WatchEvent> event = co_await watch_->Next(kWatchPatience);
    if (!event.ok()) {
      ended = event.status();
      break;
    }
    const k8s::Json& object = *event->object;
    if (std::string version = k8s::FindString(object, "metadata.resourceVersion"); !version.empty()) {
      resource_version_ = std::move(version);
    }
    if (event->type == k8s::WatchEvent::Type::kDeleted) {
      sink_.Remove(object);
    } else if (event->type != k8s::WatchEvent::Type::kBookmark) {
      sink_.Upsert(object);
    }
  }
  watch_.reset();
  // A stream that ends is what servers do every few minutes; silence is answered by a new one.
  if (absl::IsUnavailable(ended) || absl::IsDeadlineExceeded(ended) || absl::IsCancelled(ended)) {
    co_return OkStatus();
  }
  co_return ended;
}

}  // namespace dohle::runtime
