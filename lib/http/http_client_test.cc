#include "lib/http/http_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"
#include "lib/http/http_server.h"

namespace dohle::http {
namespace {

TEST(HttpAnswer, IsParsedInEveryForm) {
  const std::pair<std::string, std::string> whole[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 abc"},
      {"HTTP/1.0 503 Busy\r\ncontent-length:0\r\n\r\n", "503 "},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n",
       "200 abcd"},
  };
  for (const auto& [text, expected] : whole) {
    for (size_t n = 0; n < text.size() - (text.ends_with("0\r\n\r\n") ? 2 : 0); ++n)
      EXPECT_EQ(ParseHttpAnswer(text.substr(0, n), false).status().code(), StatusCode::kFailedPrecondition)
          << text.substr(0, n);
    const StatusOr<HttpAnswer> answer = ParseHttpAnswer(text, false);
    ASSERT_TRUE(answer.ok()) << text;
    EXPECT_EQ(fmt::format("{} {}", answer->status, answer->body), expected);
  }
  EXPECT_EQ(ParseHttpAnswer("HTTP/1.0 200 OK\r\n\r\nto the end", true)->body, "to the end");
  EXPECT_FALSE(ParseHttpAnswer("HTTP/1.0 200 OK\r\n\r\nto the end", false).ok());
}

TEST(HttpAnswer, RefusesWhatIsNone) {
  for (const char* bad : {"x", "HTTQ", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"})
    EXPECT_EQ(ParseHttpAnswer(bad, false).status().code(), StatusCode::kUnavailable) << bad;
}

class HttpClientTest : public testing::Test {
 protected:
  HttpClientTest()
      : seed_(env::TestSeed()),
        trace_(__FILE__, __LINE__, testing::Message() << "DOHLE_SEED=" << seed_),
        world_(seed_),
        client_(world_.AddNode("client")),
        server_(world_.AddNode("server")) {}

  static env::Task<void> Run(env::Env* env, std::string target, HttpGetOptions options,
                             std::optional<StatusOr<HttpAnswer>>* out) {
    const env::Endpoint endpoint{"server", 80};
    out->emplace(co_await HttpGet(env->transport, *env->executors[0], endpoint, target, options));
  }
  StatusOr<HttpAnswer> Get(std::string target, HttpGetOptions options = {}) {
    std::optional<StatusOr<HttpAnswer>> answer;
    env::Spawn(*client_.env().executors[0], Run(&client_.env(), std::move(target), options, &answer));
    EXPECT_TRUE(world_.RunUntil([&] { return answer.has_value(); }, absl::Minutes(1)));
    return *answer;
  }

  const uint64_t seed_;
  const testing::ScopedTrace trace_;
  env::SimWorld world_;
  env::SimNode& client_;
  env::SimNode& server_;
};

env::Task<HttpResponse> Answer(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  co_return response;
}

TEST_F(HttpClientTest, GetsWhatIsServed) {
  EXPECT_EQ(Get("/a").status().code(), StatusCode::kUnavailable) << "nobody listens";
  std::vector<HttpRoute> routes;
  routes.push_back({"/a", [] { return Answer("hello"); }});
  routes.push_back({"/large", [] { return Answer(std::string(300'000, 'x')); }});
  const env::Endpoint endpoint{"", 80};
  auto server = HttpServer::Listen(server_.env(), endpoint, std::move(routes)).value();
  EXPECT_EQ(Get("/a")->body, "hello");
  EXPECT_EQ(Get("/b")->status, 404);
  HttpGetOptions options;
  options.timeout = absl::Seconds(30);
  EXPECT_EQ(Get("/large", options)->body.size(), 300'000u);
  options.max_body_bytes = 100'000;
  EXPECT_EQ(Get("/large", options).status().code(), StatusCode::kResourceExhausted);
}

TEST_F(HttpClientTest, PassesTheBodyOnInPieces) {
  std::string large;
  for (int i = 0; i < 50'000; ++i) large += fmt::format("line {}\n", i);
  std::vector<HttpRoute> routes;
  routes.push_back({"/large", [large] { return Answer(large); }});
  routes.push_back({"/empty", [] { return Answer(""); }});
  const env::Endpoint endpoint{"", 80};
  auto server = HttpServer::Listen(server_.env(), endpoint, std::move(routes)).value();
  HttpGetOptions options;
  options.timeout = absl::Seconds(30);
  std::string taken;
  size_t largest = 0;
  options.take_body = [&](std::string_view piece) {
    taken += piece;
    largest = std::max(largest, piece.size());
  };
  const StatusOr<HttpAnswer> answer = Get("/large", options);
  ASSERT_TRUE(answer.ok()) << Message(answer.status());
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(taken, large);
  EXPECT_LT(largest, large.size() / 2);
  taken.clear();
  EXPECT_EQ(Get("/empty", options)->status, 200);
  EXPECT_EQ(Get("/absent", options)->status, 404);
  EXPECT_EQ(taken, "");
  options.max_body_bytes = 100'000;
  EXPECT_EQ(Get("/large", options).status().code(), StatusCode::kResourceExhausted);
}

TEST_F(HttpClientTest, GivesUpInTime) {
  std::vector<std::unique_ptr<env::Connection>> silent;
  const env::Endpoint endpoint{"", 80};
  auto listener = server_.env()
                      .transport
                      .Listen(endpoint, server_.env().executors,
                              [&](std::unique_ptr<env::Connection> c) { silent.push_back(std::move(c)); })
                      .value();
  const env::MonotonicTime before = world_.now();
  EXPECT_EQ(Get("/a").status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_LT(world_.now() - before, absl::Milliseconds(1100));
}

}  // namespace
}  // namespace dohle::http
