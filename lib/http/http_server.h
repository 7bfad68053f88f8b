// An HTTP/1.1 server as small as it can be: /metrics for Prometheus, /healthz and /readyz for the kubelet.
// GET and HEAD, keep-alive, nothing else; what is answered comes from the handlers that are handed in.
//
//   std::vector<HttpRoute> routes{{"/readyz", [&] { return Readiness(server); }}};   // a coroutine function
//   auto server = HttpServer::Listen(env, {"0.0.0.0", 9404}, std::move(routes));
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/task.h"

namespace dohle::http {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Called on the executor of the connection for GET and HEAD alike; the Task is awaited before the function
// object goes. What it refers to outlives the environment's Stop.
using HttpHandler = std::function<env::Task<HttpResponse>()>;

struct HttpRoute {
  std::string path;  // exactly
  HttpHandler handler;
};

// The limits that a client meets.
struct HttpLimits {
  int connections = 64;                                 // further ones are closed at once
  absl::Duration request_timeout = absl::Seconds(10);   // from a request's first byte to its end
  absl::Duration idle_timeout = absl::Seconds(120);     // between requests; scrapes come every 15 to 60 s
  absl::Duration response_timeout = absl::Seconds(60);  // to handle and to send
};

class HttpServer {
 public:
  // Binds at once. Connections are dealt out over env.executors.
  static StatusOr<std::unique_ptr<HttpServer>> Listen(env::Env& env, const env::Endpoint& endpoint,
                                                      std::vector<HttpRoute> routes, HttpLimits limits = {});
  ~HttpServer();

  env::Endpoint local() const;
  // No more connections; those that are there end after the answer under way. Idempotent; any thread.
  void Stop();

 private:
  struct Shared;
  explicit HttpServer(std::shared_ptr<Shared> shared);
  static env::Task<void> Serve(std::shared_ptr<Shared> shared, std::unique_ptr<env::Connection> connection);

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<env::Listener> listener_;
};

}  // namespace dohle::http
