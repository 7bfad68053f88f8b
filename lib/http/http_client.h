// An HTTP/1.1 client as small as it can be: one GET over a connection of its own, for probes of the kubelet's
// kind and for scraping metrics.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/task.h"
#include "lib/env/transport.h"

namespace dohle::http {

struct HttpGetOptions {
  absl::Duration timeout = absl::Seconds(1);  // for all of it
  size_t max_body_bytes = size_t{1} << 20;
  std::vector<std::pair<std::string, std::string>> headers;
  // Given the body of an answer of status 200 piece by piece as it comes, so that it is never held whole; the
  // answer's `body` is empty then. What came before a failure was given too. Empty: none of this.
  std::function<void(std::string_view piece)> take_body;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// GET `target` ("/metrics?x=1"), from `executor`, whose thread this is. Redirects are not followed. Failures:
// kUnavailable (no connection, it broke, or this is no HTTP), kDeadlineExceeded, kResourceExhausted (the
// answer is larger than allowed).
env::Task<StatusOr<HttpAnswer>> HttpGet(env::Transport& transport, env::Executor& executor,
                                        env::Endpoint endpoint, std::string target, HttpGetOptions options);

// Parses an answer as far as it has come. Pure. kFailedPrecondition: more has to come, or if `ended` it was
// cut off; kUnavailable: it is none.
StatusOr<HttpAnswer> ParseHttpAnswer(std::string_view received, bool ended);

}  // namespace dohle::http
