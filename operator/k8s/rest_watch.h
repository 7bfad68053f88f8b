// A watch over HTTP: lines of JSON that come for as long as the answer lasts. The executor's thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/env/one_shot.h"
#include "operator/k8s/client.h"
#include "operator/k8s/line_buffer.h"
#include "operator/k8s/rest_client_http.h"

namespace dohle::k8s {

// Shared by the Watch, the coroutine that waits in it, and the client, which ends it when it goes first.
class WatchStream : public HttpObserver {
 public:
  WatchStream();

  // The exchange that this observes.
  void Begin(std::unique_ptr<HttpExchange> exchange) { exchange_ = std::move(exchange); }
  // Set when the server has agreed to the watch or hasn't.
  const std::shared_ptr<env::OneShot<Status>>& opened() const { return opened_; }
  // Nothing comes any more but `why`, once what has come was taken; at once if it is kCancelled.
  void End(Status why);

  static env::Task<StatusOr<WatchEvent>> Next(std::shared_ptr<WatchStream> stream, absl::Duration patience);

  void OnHead(const HttpHead& head) override;
  void OnBytes(std::string bytes, absl::AnyInvocable<void()> taken) override;
  void OnEnd(Status status) override;

 private:
  void ReadOn();
  void Wake();
  StatusOr<WatchEvent> Decode(const std::string& line);

  std::unique_ptr<HttpExchange> exchange_;
  const std::shared_ptr<env::OneShot<Status>> opened_;
  std::optional<HttpHead> head_;
  LineBuffer lines_;  // until the head is known, and if it is a refusal, just the body
  absl::AnyInvocable<void()> taken_;
  Status end_;  // OK: it goes on
  std::shared_ptr<env::OneShot<bool>> waiter_;
};

// Closes the stream with itself.
class RestWatch : public Watch {
 public:
  explicit RestWatch(std::shared_ptr<WatchStream> stream) : stream_(std::move(stream)) {}
  ~RestWatch() override { Close(); }
  env::Task<StatusOr<WatchEvent>> Next(absl::Duration patience) override {
    return WatchStream::Next(stream_, patience);
  }
  void Close() override { stream_->End(MakeStatus(StatusCode::kCancelled, "the watch was closed")); }

 private:
  const std::shared_ptr<WatchStream> stream_;
};

}  // namespace dohle::k8s
