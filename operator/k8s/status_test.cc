#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/k8s/client.h"

namespace dohle::k8s {
namespace {

using ::testing::HasSubstr;

Json StatusObject(int code, const std::string& reason, Json details = Json::object()) {
  return {{"kind", "Status"},    {"apiVersion", "v1"},
          {"status", "Failure"}, {"message", "what went wrong"},
          {"reason", reason},    {"details", std::move(details)},
          {"code", code}};
}

TEST(StatusTest, MapsCodesAndReasons) {
  const struct {
    int http_code;
    const char* reason;
    StatusCode wanted;
  } cases[] = {
      {400, "BadRequest", StatusCode::kInvalidArgument},
      {401, "Unauthorized", StatusCode::kUnauthenticated},
      {403, "Forbidden", StatusCode::kPermissionDenied},
      {404, "NotFound", StatusCode::kNotFound},
      {409, "AlreadyExists", StatusCode::kAlreadyExists},
      {409, "Conflict", StatusCode::kAborted},
      {410, "Expired", StatusCode::kOutOfRange},
      {422, "Invalid", StatusCode::kInvalidArgument},
      {429, "TooManyRequests", StatusCode::kResourceExhausted},
      {500, "InternalError", StatusCode::kUnavailable},
      {503, "ServiceUnavailable", StatusCode::kUnavailable},
      {504, "Timeout", StatusCode::kUnavailable},
      {302, "", StatusCode::kUnavailable},
  };
  for (const auto& c : cases) {
    const Status with_body = StatusFromAnswer(c.http_code, StatusObject(c.http_code, c.reason));
    EXPECT_EQ(with_body.code(), c.wanted) << c.http_code << " " << c.reason;
    EXPECT_THAT(std::string(Message(with_body)), HasSubstr("what went wrong"));
    // The error event of a watch: the code is in the object.
    EXPECT_EQ(StatusFromAnswer(0, StatusObject(c.http_code, c.reason)).code(), c.wanted);
    if (std::string_view(c.reason) == "AlreadyExists") continue;
    EXPECT_EQ(StatusFromAnswer(c.http_code, Json("<html>")).code(), c.wanted) << c.http_code;
  }
  EXPECT_TRUE(StatusFromAnswer(200, Json()).ok());
  EXPECT_TRUE(StatusFromAnswer(201, Json::object()).ok());
  EXPECT_EQ(StatusFromAnswer(0, Json()).code(), StatusCode::kUnavailable);
}

TEST(StatusTest, CarriesWhenToComeAgain) {
  const Status status =
      StatusFromAnswer(429, StatusObject(429, "TooManyRequests", {{"retryAfterSeconds", 7}}));
  EXPECT_EQ(RetryAfter(status), absl::Seconds(7));
  EXPECT_EQ(RetryAfter(StatusFromAnswer(429, StatusObject(429, "TooManyRequests"))), std::nullopt);
  EXPECT_EQ(RetryAfter(OkStatus()), std::nullopt);
  EXPECT_EQ(RetryAfter(WithRetryAfter(status, absl::Milliseconds(1500))), absl::Milliseconds(1500));
  EXPECT_EQ(
      RetryAfter(StatusFromAnswer(503, StatusObject(503, "x", {{"retryAfterSeconds", int64_t{1} << 60}}))),
      absl::Hours(1));
}

TEST(StatusTest, TellsADisruptionBudgetFromOverload) {
  const Json details = {{"causes", {{{"reason", "DisruptionBudget"}, {"message", "needs 2 healthy pods"}}}}};
  EXPECT_EQ(StatusFromAnswer(429, StatusObject(429, "TooManyRequests", details)).code(),
            StatusCode::kFailedPrecondition);
}

TEST(StatusTest, BoundsTheMessage) {
  Json body = StatusObject(422, "Invalid");
  body["message"] = std::string(1000000, 'x');
  EXPECT_LT(Message(StatusFromAnswer(422, body)).size(), 5000u);
}

}  // namespace
}  // namespace dohle::k8s
