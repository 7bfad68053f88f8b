// Bytes to a server and all that comes back: for tests that look at an answer as it is on the wire.
#pragma once

#include <future>
#include <string>
#include <utility>

#include "lib/env/env.h"
#include "lib/env/transport.h"

namespace dohle::http {

// Sends `request` over a connection of its own and reads until the server closes; "" if it can't be reached.
// `answer` is set at the end; it and `env` outlive the task.
inline env::Task<void> Exchange(env::Env* env, env::Endpoint endpoint, std::string request,
                                std::promise<std::string>* answer) {
  std::string received;
  auto connection =
      co_await env->transport.Connect(*env->executors[0], std::move(endpoint), absl::Seconds(10));
  if (connection.ok()) {
    const Status written = co_await env::WriteAll(**connection, request);
    char buffer[1000];
    while (written.ok()) {
      const StatusOr<size_t> got = co_await env::ReadSome(**connection, buffer, sizeof buffer);
      if (!got.ok() || *got == 0) break;
      received.append(buffer, *got);
    }
  }
  answer->set_value(received);
}

}  // namespace dohle::http
