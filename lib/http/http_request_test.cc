#include "lib/http/http_request.h"

#include <gtest/gtest.h>

namespace dohle::http {
namespace {

using Kind = HttpParse::Kind;

TEST(HttpRequest, ParsesWhatPrometheusAndCurlSend) {
  const std::string head =
      "GET /metrics?name=a HTTP/1.1\r\nHost: a:1\r\nAccept: */*\r\nConnection: Close\r\n\r\n";
  const HttpParse parse = ParseHttpRequest(head + "GET /next");
  ASSERT_EQ(parse.kind, Kind::kDone);
  EXPECT_EQ(parse.bytes, head.size());
  EXPECT_EQ(parse.request.method, "GET");
  EXPECT_EQ(parse.request.path, "/metrics");
  EXPECT_EQ(parse.request.query, "name=a");
  EXPECT_FALSE(parse.request.keep_alive);
  EXPECT_FALSE(parse.request.has_body);
}

TEST(HttpRequest, EveryPrefixIsIncomplete) {
  const std::string head = "GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
  for (size_t i = 0; i < head.size(); ++i) {
    EXPECT_EQ(ParseHttpRequest(head.substr(0, i)).kind, Kind::kIncomplete) << i;
  }
  const HttpParse parse = ParseHttpRequest(head);
  ASSERT_EQ(parse.kind, Kind::kDone);
  EXPECT_TRUE(parse.request.keep_alive);
  EXPECT_FALSE(parse.request.has_body);
}

TEST(HttpRequest, RefusesWhatIsNone) {
  for (const char* bad :
       {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET a HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "GET / / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02 x y\n\n", "GET / HTTP/1.1\r\na b: c\r\n\r\n"}) {
    EXPECT_EQ(ParseHttpRequest(bad).kind, Kind::kBad) << bad;
  }
}

TEST(HttpRequest, IsBounded) {
  std::string head = "GET / HTTP/1.1\r\nCookie: " + std::string(kMaxHttpRequestBytes, 'a');
  EXPECT_EQ(ParseHttpRequest(head).kind, Kind::kTooLarge);
  head += "\r\n\r\n";
  EXPECT_EQ(ParseHttpRequest(head).kind, Kind::kTooLarge);
  EXPECT_EQ(ParseHttpRequest(head.substr(0, kMaxHttpRequestBytes - 1)).kind, Kind::kIncomplete);
}

TEST(HttpRequest, SeesBodies) {
  EXPECT_TRUE(ParseHttpRequest("POST / HTTP/1.1\ncontent-length: 5\n\nabcde").request.has_body);
  EXPECT_TRUE(ParseHttpRequest("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n").request.has_body);
}

}  // namespace
}  // namespace dohle::http
