#include "operator/k8s/event_recorder.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/env/random.h"
#include "operator/k8s/object.h"

namespace dohle::k8s {
namespace {

// The API server's limits.
constexpr size_t kMaxNoteBytes = 1024;
constexpr size_t kMaxWordBytes = 128;
constexpr size_t kMaxNamePart = 200;
constexpr int kAttempts = 3;
constexpr absl::Duration kBackOff = absl::Seconds(1);
constexpr absl::Duration kMaxBackOff = absl::Seconds(30);

// At most `max` bytes, without the half of a character at the end.
std::string Cut(std::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xc0) == 0x80) --max;
  return std::string(text.substr(0, max));
}

std::string KeyOf(const Regarding& regarding, EventType type, std::string_view reason,
                  std::string_view action, std::string_view note) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", regarding.api_version, regarding.kind,
                     ToString(regarding.name), regarding.uid, type == EventType::kNormal, reason, action,
                     note);
}

// Events of objects that are in no namespace live in this one.
std::string NamespaceOf(const Regarding& regarding) {
  return regarding.name.ns.empty() ? "default" : regarding.name.ns;
}

bool WorthRetrying(const Status& status) {
  return status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded ||
         status.code() == StatusCode::kResourceExhausted;
}

}  // namespace

Regarding RegardingOf(const Json& object) {
  return {.api_version = FindString(object, "apiVersion"),
          .kind = FindString(object, "kind"),
          .name = {FindString(object, "metadata.namespace"), FindString(object, "metadata.name")},
          .uid = FindString(object, "metadata.uid")};
}

EventRecorder::EventRecorder(Client& client, env::Env& env, Options options)
    : client_(client),
      env_(env),
      options_(std::move(options)),
      tokens_(options_.burst),
      tokens_at_(env.clock.Now()) {}

void EventRecorder::Record(const Regarding& regarding, EventType type, std::string_view reason,
                           std::string_view action, std::string_view note) {
  const int64_t now_ms = env_.clock.WallTimeMs();
  const std::string short_note = Cut(note, kMaxNoteBytes);
  const std::string key = KeyOf(regarding, type, reason, action, short_note);
  auto found = known_.find(key);
  if (found != known_.end()) {
    Entry& entry = found->second;
    const bool stale = now_ms - entry.last_ms > absl::ToInt64Milliseconds(options_.series_window);
    if (stale && !entry.queued) {
      entry.event_name.clear();
      entry.created = false;
      entry.count = 0;
      entry.first_ms = now_ms;
    }
    ++entry.count;
    entry.last_ms = now_ms;
    return Enqueue(key, &entry);
  }
  if (!MakeRoom(now_ms)) {
    ++counts_.dropped;
    return;
  }
  Entry entry;
  entry.regarding = regarding;
  entry.type = type;
  entry.reason = Cut(reason, kMaxWordBytes);
  entry.action = Cut(action, kMaxWordBytes);
  entry.note = short_note;
  entry.first_ms = entry.last_ms = now_ms;
  Enqueue(key, &known_.emplace(key, std::move(entry)).first->second);
}

// For one more in known_ and in the queue: forgets what was quiet longest.
bool EventRecorder::MakeRoom(int64_t now_ms) {
  if (queue_.size() >= options_.max_queued) return false;
  if (known_.size() < options_.max_known) return true;
  const int64_t window_ms = absl::ToInt64Milliseconds(options_.series_window);
  absl::erase_if(known_, [&](const auto& item) {
    return !item.second.queued && now_ms - item.second.last_ms > window_ms;
  });
  if (known_.size() < options_.max_known) return true;
  auto oldest = known_.end();
  for (auto it = known_.begin(); it != known_.end(); ++it) {
    if (it->second.queued) continue;
    if (oldest == known_.end() || it->second.last_ms < oldest->second.last_ms) oldest = it;
  }
  if (oldest == known_.end()) return false;
  known_.erase(oldest);
  return true;
}

void EventRecorder::Enqueue(const std::string& key, Entry* entry) {
  if (entry->queued) return;
  if (queue_.size() >= options_.max_queued) {
    ++counts_.dropped;
    return;
  }
  entry->queued = true;
  queue_.push_back(key);
  if (waiter_) std::exchange(waiter_, nullptr)->Set(true);
}

env::Task<void> EventRecorder::Run() {
  while (!stop_.stopped()) {
    if (queue_.empty()) {
      auto waiter = std::make_shared<env::OneShot<bool>>();
      waiter_ = waiter;
      co_await waiter->WaitForever();
      continue;
    }
    co_await WaitForToken();
    if (stop_.stopped()) break;
    std::string key = std::move(queue_.front());
    queue_.pop_front();
    co_await WriteWithRetries(std::move(key));
  }
}

void EventRecorder::Stop() {
  stop_.Stop();
  if (waiter_) std::exchange(waiter_, nullptr)->Set(true);
}

env::Task<void> EventRecorder::WaitForToken() {
  while (!stop_.stopped()) {
    const env::MonotonicTime now = env_.clock.Now();
    tokens_ =
        std::min(options_.burst, tokens_ + absl::ToDoubleSeconds(now - tokens_at_) * options_.per_second);
    tokens_at_ = now;
    if (tokens_ >= 1) {
      tokens_ -= 1;
      co_return;
    }
    // Never shorter than the clock's grain.
    const absl::Duration missing = absl::Seconds((1 - tokens_) / options_.per_second) + absl::Milliseconds(1);
    co_await stop_.SleepFor(missing);
  }
}

env::Task<void> EventRecorder::WriteWithRetries(std::string key) {
  for (int attempt = 1; !stop_.stopped(); ++attempt) {
    const Status status = co_await Write(key);
    if (status.ok()) {
      ++counts_.written;
      co_return;
    }
    if (attempt == kAttempts || !WorthRetrying(status)) {
      ++counts_.dropped;
      // If it comes again it is a new one.
      if (const auto found = known_.find(key); found != known_.end() && !found->second.queued) {
        known_.erase(found);
      }
      co_return;
    }
    co_await stop_.SleepFor(std::min(RetryAfter(status).value_or(kBackOff * attempt), kMaxBackOff));
  }
}

env::Task<Status> EventRecorder::Write(std::string key) {
  auto found = known_.find(key);
  if (found == known_.end()) co_return OkStatus();
  // What is recorded from here on isn't in what is written, and queues the entry again.
  found->second.queued = false;
  if (found->second.event_name.empty()) found->second.event_name = NewName(found->second.regarding);
  const Entry entry = found->second;
  if (!entry.created) {
    Json event = EventOf(entry);
    const Status status = (co_await client_.Create(kEvents, std::move(event))).status();
    // It exists if an attempt before was done after all.
    if (!status.ok() && status.code() != StatusCode::kAlreadyExists) co_return status;
    SetCreated(key, entry.event_name, true);
    co_return OkStatus();
  }
  ObjectName name{NamespaceOf(entry.regarding), entry.event_name};
  Json patch = {{"series", {{"count", entry.count}, {"lastObservedTime", FormatMicroTime(entry.last_ms)}}}};
  const Status status =
      (co_await client_.MergePatch(kEvents, std::move(name), std::move(patch), Subresource::kNone)).status();
  if (status.code() != StatusCode::kNotFound) co_return status;
  // The server forgets events after an hour: once more as a new one.
  SetCreated(key, entry.event_name, false);
  co_return MakeStatus(StatusCode::kUnavailable, "the event is gone");
}

void EventRecorder::SetCreated(const std::string& key, const std::string& event_name, bool created) {
  const auto found = known_.find(key);
  if (found != known_.end() && found->second.event_name == event_name) found->second.created = created;
}

std::string EventRecorder::NewName(const Regarding& regarding) {
  std::string part = regarding.name.name.substr(0, kMaxNamePart);
  while (!part.empty() && std::isalnum(static_cast<unsigned char>(part.back())) == 0) part.pop_back();
  return fmt::format("{}.{:016x}", part, env_.random.Next());
}

Json EventRecorder::EventOf(const Entry& entry) const {
  Json event = NewObject(kEvents, {NamespaceOf(entry.regarding), entry.event_name});
  event["eventTime"] = FormatMicroTime(entry.first_ms);
  event["reportingController"] = kReportingController;
  event["reportingInstance"] = Cut(options_.reporting_instance, kMaxWordBytes);
  event["type"] = entry.type == EventType::kNormal ? "Normal" : "Warning";
  event["reason"] = entry.reason;
  event["action"] = entry.action;
  event["note"] = entry.note;
  Json& regarding = event["regarding"];
  regarding = {{"apiVersion", entry.regarding.api_version},
               {"kind", entry.regarding.kind},
               {"name", entry.regarding.name.name},
               {"uid", entry.regarding.uid}};
  if (!entry.regarding.name.ns.empty()) regarding["namespace"] = entry.regarding.name.ns;
  if (entry.count > 1) {
    event["series"] = {{"count", entry.count}, {"lastObservedTime", FormatMicroTime(entry.last_ms)}};
  }
  return event;
}

}  // namespace dohle::k8s
