#include "lib/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "lib/env/posix/posix_env.h"
#include "lib/http/testing/exchange.h"

namespace dohle::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

env::Task<HttpResponse> Page(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  co_return response;
}

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() : posix_({.event_loops = 2, .io_threads = 1, .own_process = false}) {}
  ~HttpServerTest() override {
    server_.reset();
    posix_.Stop();
  }

  void Serve(HttpLimits limits = {}) {
    std::vector<HttpRoute> routes;
    routes.push_back({"/readyz", [this] { return ready_ ? Page(200, "ready\n") : Page(503, "starting\n"); }});
    routes.push_back({"/metrics", [] { return Page(200, std::string(3000000, 'm')); }});
    env::Endpoint endpoint{"127.0.0.1", 0};
    auto server = HttpServer::Listen(posix_.env(), endpoint, std::move(routes), limits);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
    posix_.Start();
  }
  std::string Ask(std::string request) {
    std::promise<std::string> answer;
    env::Spawn(*posix_.env().executors[0],
               Exchange(&posix_.env(), server_->local(), std::move(request), &answer));
    return answer.get_future().get();
  }

  env::PosixEnv posix_;
  std::atomic<bool> ready_{false};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersGetHeadAndNothingElse) {
  Serve();
  const std::string get = Ask("GET /readyz HTTP/1.0\r\n\r\n");
  EXPECT_THAT(get, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(get, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_THAT(get, EndsWith("\r\n\r\nstarting\n"));
  ready_ = true;
  EXPECT_THAT(Ask("GET /readyz?x HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  const std::string head = Ask("HEAD /readyz HTTP/1.0\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  EXPECT_THAT(Ask("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  const std::string post = Ask("POST /readyz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(Ask("GET /readyz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("GET /" + std::string(10000, 'a')), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, KeepsAliveAndTakesPipelinedRequests) {
  Serve();
  const std::string both =
      Ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(both, HasSubstr("Connection: keep-alive\r\n\r\nno such page\nHTTP/1.1 503 "));
  EXPECT_THAT(both, HasSubstr("Connection: close\r\n\r\nstarting\n"));
}

TEST_F(HttpServerTest, SendsLargePages) {
  Serve();
  const std::string page = Ask("GET /metrics HTTP/1.0\r\n\r\n");
  EXPECT_EQ(page.size() - page.find("\r\n\r\n") - 4, 3000000u);
}

TEST_F(HttpServerTest, ClosesSilentConnections) {
  HttpLimits limits;
  limits.idle_timeout = absl::Milliseconds(20);
  limits.request_timeout = absl::Milliseconds(20);
  Serve(limits);
  EXPECT_EQ(Ask(""), "");
  EXPECT_EQ(Ask("GET /readyz HTT"), "");
}

TEST_F(HttpServerTest, BoundsConnections) {
  HttpLimits limits;
  limits.connections = 0;
  Serve(limits);
  EXPECT_EQ(Ask("GET /readyz HTTP/1.0\r\n\r\n"), "");
}

TEST_F(HttpServerTest, AcceptsNothingAfterStop) {
  Serve();
  server_->Stop();
  EXPECT_EQ(Ask("GET /readyz HTTP/1.1\r\n\r\n"), "");
}

}  // namespace
}  // namespace dohle::http
