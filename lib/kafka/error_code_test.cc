#include "lib/kafka/error_code.h"

#include <gtest/gtest.h>

namespace dohle::kafka {
namespace {

TEST(ErrorCodeTest, NamesAndNumbers) {
  EXPECT_EQ(ToCode(ErrorCode::kNone), 0);
  EXPECT_EQ(Name(ErrorCode::kUnknownTopicOrPartition), "UNKNOWN_TOPIC_OR_PARTITION");
  EXPECT_EQ(Name(ErrorCode::kUnknownServerError), "UNKNOWN_SERVER_ERROR");
  EXPECT_TRUE(IsRetriable(ErrorCode::kNotLeaderOrFollower));
  EXPECT_FALSE(IsRetriable(ErrorCode::kTopicAuthorizationFailed));
}

TEST(ErrorCodeTest, EveryCodeFindsItself) {
  for (const ErrorInfo& error : AllErrors()) {
    EXPECT_EQ(ErrorFromCode(ToCode(error.code)), error.code);
    EXPECT_EQ(Name(error.code), error.name);
  }
}

TEST(ErrorCodeTest, StrangersAreServerErrors) {
  EXPECT_EQ(ErrorFromCode(-2), ErrorCode::kUnknownServerError);
  EXPECT_EQ(ErrorFromCode(32767), ErrorCode::kUnknownServerError);
  EXPECT_EQ(ErrorFromCode(-32768), ErrorCode::kUnknownServerError);
}

}  // namespace
}  // namespace dohle::kafka
