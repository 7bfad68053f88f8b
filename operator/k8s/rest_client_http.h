// HTTP to one server, with the answers' bodies piece by piece: all that rest_client.h needs of cpprestsdk,
// and the only place that knows it. cpprestsdk works on threads of its own; here everything is called, and
// calls back, on the executor's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/env/executor.h"
#include "operator/k8s/credentials.h"

namespace dohle::k8s {

struct HttpRequest {
  std::string method = "GET";
  std::string path;  // with the query, below the server's own path
  std::string content_type;
  std::string body;
  std::string bearer_token;
};

struct HttpHead {
  int code = 0;
  std::optional<uint64_t> content_length;
  std::optional<absl::Duration> retry_after;
};

// What hears of one exchange of a request for an answer. It may go away at any time; nothing is called then.
class HttpObserver {
 public:
  virtual ~HttpObserver() = default;
  // Once, if at all; also after the first OnBytes.
  virtual void OnHead(const HttpHead& head) = 0;
  // A piece of the body. The next one is read once `taken` was called; the exchange breaks off if it is
  // destroyed uncalled.
  virtual void OnBytes(std::string bytes, absl::AnyInvocable<void()> taken) = 0;
  // The last call. OK: the body was whole. kDeadlineExceeded: nothing came for idle_timeout; kUnavailable:
  // everything else.
  virtual void OnEnd(Status status) = 0;
};

// Breaks the exchange off when destroyed; its observer hears no more.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
};

class HttpChannel {
 public:
  struct Options {
    std::string user_agent;
    absl::Duration idle_timeout = absl::Seconds(30);  // no byte came or could be sent for so long
  };

  // Afterwards no observer is called any more, nor is the executor used.
  virtual ~HttpChannel() = default;
  // Connections are kept for the next request. A request that met a kept connection's end, before any answer,
  // is sent once more by cpprestsdk, whatever its method.
  virtual std::unique_ptr<HttpExchange> Start(HttpRequest request, std::weak_ptr<HttpObserver> observer) = 0;
};

// kInvalidArgument if the URL, the certificates or the key are of no use. `executor` outlives the channel.
// The first call in a process fixes the number of cpprestsdk's threads.
StatusOr<std::unique_ptr<HttpChannel>> OpenHttpChannel(const ServerAccess& access,
                                                       HttpChannel::Options options, env::Executor& executor);

}  // namespace dohle::k8s
