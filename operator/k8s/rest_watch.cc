#include "operator/k8s/rest_watch.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/k8s/object.h"

namespace dohle::k8s {
namespace {

// What may lie here untaken before the server is made to wait.
constexpr size_t kReadAheadBytes = 1 << 20;
// A line is one object and what is around it.
constexpr size_t kMaxLineBytes = kMaxObjectBytes + 1024;

std::optional<WatchEvent::Type> TypeOf(std::string_view text) {
  if (text == "ADDED") return WatchEvent::Type::kAdded;
  if (text == "MODIFIED") return WatchEvent::Type::kModified;
  if (text == "DELETED") return WatchEvent::Type::kDeleted;
  if (text == "BOOKMARK") return WatchEvent::Type::kBookmark;
  return std::nullopt;
}

Status Broken(std::string_view why) { return MakeStatus(StatusCode::kUnavailable, "the watch sent {}", why); }

}  // namespace

WatchStream::WatchStream() : opened_(std::make_shared<env::OneShot<Status>>()), lines_(kMaxLineBytes) {}

void WatchStream::End(Status why) {
  const bool now = why.code() == StatusCode::kCancelled;
  if (!end_.ok() && !now) return;
  end_ = std::move(why);
  exchange_.reset();
  taken_ = nullptr;
  opened_->Set(end_);
  Wake();
}

void WatchStream::OnHead(const HttpHead& head) {
  head_ = head;
  if (head.code == 200) opened_->Set(OkStatus());
  ReadOn();
  Wake();
}

void WatchStream::OnBytes(std::string bytes, absl::AnyInvocable<void()> taken) {
  lines_.Append(bytes);
  taken_ = std::move(taken);
  if (lines_.too_long()) return End(Broken("a line longer than an object may be"));
  ReadOn();
  Wake();
}

void WatchStream::OnEnd(Status status) {
  if (!status.ok()) return End(std::move(status));
  if (!head_ || head_->code == 200) {
    return End(MakeStatus(StatusCode::kUnavailable, "the server ended the watch"));
  }
  std::string body;
  while (const std::optional<std::string> line = lines_.TakeLine()) body += *line;
  body += lines_.TakeRest();
  const StatusOr<Json> json = ParseJson(body);
  Status refusal = StatusFromAnswer(head_->code, json.ok() ? *json : Json());
  if (refusal.ok()) refusal = Broken(fmt::format("HTTP code {}", head_->code));
  if (head_->retry_after && !RetryAfter(refusal)) {
    refusal = WithRetryAfter(std::move(refusal), *head_->retry_after);
  }
  End(std::move(refusal));
}

void WatchStream::ReadOn() {
  // A line that has only begun needs its rest, however long it is already.
  if (!taken_ || (lines_.buffered() > kReadAheadBytes && lines_.HasLine())) return;
  std::exchange(taken_, nullptr)();
}

void WatchStream::Wake() {
  if (!waiter_ || (end_.ok() && !lines_.HasLine())) return;
  std::exchange(waiter_, nullptr)->Set(true);
}

StatusOr<WatchEvent> WatchStream::Decode(const std::string& line) {
  StatusOr<Json> parsed = ParseJson(line);
  if (!parsed.ok()) return Broken(fmt::format("what isn't JSON: {}", Message(parsed.status())));
  const Json* object = Find(*parsed, "object");
  if (object == nullptr || !object->is_object()) return Broken("an event without an object");
  const std::string type = FindString(*parsed, "type");
  if (type == "ERROR") {
    const Status status = StatusFromAnswer(0, *object);
    if (status.code() == StatusCode::kOutOfRange) return status;
    return MakeStatus(StatusCode::kUnavailable, "the server broke the watch off: {}", Message(status));
  }
  const std::optional<WatchEvent::Type> known = TypeOf(type);
  if (!known) return Broken(fmt::format("an event of the unknown type \"{}\"", type.substr(0, 100)));
  return WatchEvent{*known, std::make_shared<const Json>(std::move((*parsed)["object"]))};
}

env::Task<StatusOr<WatchEvent>> WatchStream::Next(std::shared_ptr<WatchStream> stream,
                                                  absl::Duration patience) {
  while (stream->end_.code() != StatusCode::kCancelled) {
    if (const std::optional<std::string> line = stream->lines_.TakeLine()) {
      stream->ReadOn();
      StatusOr<WatchEvent> event = stream->Decode(*line);
      if (!event.ok()) {
        stream->lines_.Clear();
        stream->End(event.status());
      }
      co_return event;
    }
    if (!stream->end_.ok()) break;
    auto waiter = std::make_shared<env::OneShot<bool>>();
    stream->waiter_ = waiter;
    const std::optional<bool> woken = co_await waiter->WaitFor(patience);
    if (!woken) {
      co_return MakeStatus(StatusCode::kDeadlineExceeded, "no event for {}", absl::FormatDuration(patience));
    }
  }
  co_return stream->end_;
}

}  // namespace dohle::k8s
