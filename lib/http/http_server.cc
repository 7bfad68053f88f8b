#include "lib/http/http_server.h"

#include <fmt/format.h>

#include <utility>

#include "lib/http/http_request.h"

namespace dohle::http {

struct HttpServer::Shared {
  std::vector<HttpRoute> routes;
  HttpLimits limits;
  std::atomic<bool> stopping{false};
  std::atomic<int> connections{0};

  const HttpRoute* Find(std::string_view path) const {
    for (const HttpRoute& route : routes) {
      if (route.path == path) return &route;
    }
    return nullptr;
  }
};

namespace {

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

HttpResponse Plain(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

std::string Head(const HttpResponse& response, bool keep_alive) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Cache-Control: no-store\r\n"
      "Connection: {}\r\n\r\n",
      response.status, Reason(response.status), response.content_type, response.body.size(),
      response.status == 405 ? "Allow: GET, HEAD\r\n" : "", keep_alive ? "keep-alive" : "close");
}

// Closes the connection when the time is over; whoever waits on it is woken and sees it fail.
class Deadline {
 public:
  Deadline(env::Connection& connection, absl::Duration timeout)
      : executor_(connection.executor()),
        timer_(executor_.RunAfter(timeout, [&connection] { connection.Close(); })) {}
  Deadline(const Deadline&) = delete;
  ~Deadline() { executor_.Cancel(timer_); }

 private:
  env::Executor& executor_;
  env::TimerId timer_;
};

// Reads on until `received` begins with a whole request, or none can come of it. kIncomplete: the stream
// ended, or the time did.
env::Task<HttpParse> ReadRequest(env::Connection& connection, std::string& received,
                                 const HttpLimits& limits) {
  char buffer[4096];
  std::unique_ptr<Deadline> deadline;
  bool began = false;
  for (;;) {
    HttpParse parse = ParseHttpRequest(received);
    if (parse.kind != HttpParse::Kind::kIncomplete) co_return parse;
    if (deadline == nullptr || (!received.empty() && !began)) {
      began = !received.empty();
      deadline.reset();
      deadline = std::make_unique<Deadline>(connection, began ? limits.request_timeout : limits.idle_timeout);
    }
    const StatusOr<size_t> got = co_await env::ReadSome(connection, buffer, sizeof buffer);
    if (!got.ok() || *got == 0) co_return parse;
    received.append(buffer, *got);
  }
}

env::Task<Status> WriteResponse(env::Connection& connection, const HttpResponse& response, bool with_body,
                                bool keep_alive) {
  const std::string head = Head(response, keep_alive);
  Status status = co_await env::WriteAll(connection, head);
  if (status.ok() && with_body) status = co_await env::WriteAll(connection, response.body);
  co_return status;
}

}  // namespace

HttpServer::HttpServer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

HttpServer::~HttpServer() { Stop(); }

env::Endpoint HttpServer::local() const { return listener_->local(); }

void HttpServer::Stop() {
  shared_->stopping = true;
  if (listener_) listener_->Stop();
}

StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(env::Env& env, const env::Endpoint& endpoint,
                                                         std::vector<HttpRoute> routes, HttpLimits limits) {
  auto shared = std::make_shared<Shared>();
  shared->routes = std::move(routes);
  shared->limits = limits;
  std::unique_ptr<HttpServer> server(new HttpServer(shared));
  DOHLE_ASSIGN_OR_RETURN(
      server->listener_,
      env.transport.Listen(endpoint, env.executors, [shared](std::unique_ptr<env::Connection> connection) {
        env::Executor& executor = connection->executor();
        env::Spawn(executor, Serve(shared, std::move(connection)));
      }));
  return server;
}

env::Task<void> HttpServer::Serve(std::shared_ptr<Shared> shared,
                                  std::unique_ptr<env::Connection> connection) {
  struct Count {
    explicit Count(std::atomic<int>& c) : connections(c), before(c.fetch_add(1)) {}
    ~Count() { connections.fetch_sub(1); }
    std::atomic<int>& connections;
    const int before;
  };
  const Count count(shared->connections);
  if (count.before >= shared->limits.connections) co_return;

  std::string received;
  bool keep_alive = true;
  while (keep_alive) {
    const HttpParse parse = co_await ReadRequest(*connection, received, shared->limits);
    if (parse.kind == HttpParse::Kind::kIncomplete) co_return;
    received.erase(0, parse.bytes);
    const Deadline deadline(*connection, shared->limits.response_timeout);
    const HttpRequest& request = parse.request;
    const HttpRoute* route = shared->Find(request.path);
    HttpResponse response;
    if (parse.kind == HttpParse::Kind::kTooLarge) {
      response = Plain(431, "the request is larger than 8 KiB\n");
    } else if (parse.kind == HttpParse::Kind::kBad) {
      response = Plain(400, "this is no HTTP/1.1 request\n");
    } else if (request.method != "GET" && request.method != "HEAD") {
      response = Plain(405, "only GET and HEAD are served\n");
    } else if (request.has_body) {
      response = Plain(413, "requests have no body here\n");
    } else if (route == nullptr) {
      response = Plain(404, "no such page\n");
    } else {
      response = co_await route->handler();
    }
    keep_alive = parse.kind == HttpParse::Kind::kDone && request.keep_alive && !request.has_body &&
                 !shared->stopping.load();
    const bool with_body = request.method != "HEAD";
    const Status written = co_await WriteResponse(*connection, response, with_body, keep_alive);
    if (!written.ok()) co_return;
  }
}

}  // namespace dohle::http
