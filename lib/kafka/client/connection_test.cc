#include "lib/kafka/client/connection.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "lib/env/sim/sim_world.h"
#include "lib/env/sleep.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/messages/heartbeat_request.h"
#include "lib/kafka/messages/heartbeat_response.h"

namespace dohle::kafka::client {
namespace {

constexpr int16_t kVersion = 4;  // of Heartbeat; flexible: correlation id and tags before the body

std::string Response(int32_t correlation_id, int16_t error) {
  HeartbeatResponse body;
  body.error_code = error;
  Writer writer;
  writer.Int32(static_cast<int32_t>(4 + 1 + EncodedSize(body, kVersion)));
  writer.Int32(correlation_id);
  writer.UnsignedVarint(0);
  Encode(body, kVersion, writer);
  return writer.Finish().bytes;
}

// Takes `n` requests, then answers them in reverse, each with its correlation id as the error.
env::Task<void> ServeReversed(std::unique_ptr<env::Connection> stream, int n) {
  std::string answers;
  for (int i = 0; i < n; ++i) {
    std::array<char, 4> prefix{};
    Status read = co_await env::ReadExactly(*stream, prefix.data(), prefix.size());
    if (!read.ok()) co_return;
    std::string frame(static_cast<size_t>(LoadBigEndian<int32_t>(prefix.data())), '\0');
    read = co_await env::ReadExactly(*stream, frame.data(), frame.size());
    if (!read.ok()) co_return;
    const auto id = LoadBigEndian<int32_t>(frame.data() + 4);
    answers = Response(id, static_cast<int16_t>(id)) + answers;
  }
  Status written = co_await env::WriteAll(*stream, answers);
  EXPECT_TRUE(written.ok());
  co_await env::Sleep(absl::Hours(1));
}

env::Task<void> ServeBytes(std::unique_ptr<env::Connection> stream, std::string bytes) {
  Status written = co_await env::WriteAll(*stream, bytes);
  EXPECT_TRUE(written.ok());
  co_await env::Sleep(absl::Hours(1));
}

class ConnectionTest : public testing::Test {
 protected:
  void Listen(std::function<env::Task<void>(std::unique_ptr<env::Connection>)> serve) {
    auto listener = server_.env().transport.Listen({"", 9092}, server_.env().executors,
                                                   [serve](std::unique_ptr<env::Connection> stream) {
                                                     env::Executor& executor = stream->executor();
                                                     env::Spawn(executor, serve(std::move(stream)));
                                                   });
    ASSERT_TRUE(listener.ok());
    listener_ = std::move(*listener);
  }
  void Connect() {
    env::Spawn(executor(), Open(this));
    ASSERT_TRUE(world_.RunUntil([&] { return connection_ != nullptr; }, absl::Seconds(5)));
  }
  static env::Task<void> Open(ConnectionTest* test) {
    ConnectionOptions options;
    options.client_id = "test";
    options.request_timeout = absl::Seconds(5);
    env::Endpoint server{"server", 9092};
    auto opened =
        co_await BrokerConnection::Open(test->client_.env().transport, test->executor(), server, options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    test->connection_ = std::move(*opened);
  }
  using Result = std::optional<StatusOr<int16_t>>;
  static env::Task<void> Beat(BrokerConnection* connection, Result* result) {
    HeartbeatRequest request;
    request.group_id = "g";
    auto answer = co_await connection->Call<HeartbeatResponse>(std::move(request), kVersion);
    if (answer.ok()) {
      result->emplace(answer->message.error_code);
    } else {
      result->emplace(answer.status());
    }
  }
  env::Executor& executor() { return *client_.env().executors.front(); }
  StatusCode CodeOfOneBeat() {
    Result result;
    env::Spawn(executor(), Beat(connection_.get(), &result));
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(10)));
    return result ? result->status().code() : StatusCode::kUnknown;
  }

  env::SimWorld world_{7};
  env::SimNode& server_ = world_.AddNode("server");
  env::SimNode& client_ = world_.AddNode("client");
  std::unique_ptr<env::Listener> listener_;
  std::unique_ptr<BrokerConnection> connection_;
};

TEST_F(ConnectionTest, AnswersAreMatchedWhateverTheirOrder) {
  Listen([](std::unique_ptr<env::Connection> stream) { return ServeReversed(std::move(stream), 3); });
  Connect();
  std::array<Result, 3> results;
  for (Result& result : results) env::Spawn(executor(), Beat(connection_.get(), &result));
  ASSERT_TRUE(world_.RunUntil([&] { return results[0] && results[1] && results[2]; }, absl::Seconds(5)));
  for (size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i]->ok()) << results[i]->status();
    EXPECT_EQ(**results[i], static_cast<int16_t>(i));
  }
}

TEST_F(ConnectionTest, WhatIsNotAnsweredFailsAndClosesTheConnection) {
  Listen([](std::unique_ptr<env::Connection> stream) { return ServeReversed(std::move(stream), 9); });
  Connect();
  EXPECT_EQ(CodeOfOneBeat(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(connection_->closed());
  EXPECT_EQ(CodeOfOneBeat(), StatusCode::kDeadlineExceeded);
}

TEST_F(ConnectionTest, AResetFailsWhatIsUnderWay) {
  Listen([](std::unique_ptr<env::Connection> stream) { return ServeReversed(std::move(stream), 9); });
  Connect();
  world_.After(absl::Seconds(1), [this] { world_.network().ResetConnections("client", "server"); });
  EXPECT_EQ(CodeOfOneBeat(), StatusCode::kUnavailable);
}

TEST_F(ConnectionTest, SizesOutOfBoundsAndUnaskedAnswersAreRefused) {
  for (const std::string& bytes : {std::string("\x7f\xff\xff\xff", 4), std::string("\0\0\0\3abc", 7),
                                   Response(77, 0), std::string("\0\0\0\5\0\0\0\0\0", 9)}) {
    Listen([bytes](std::unique_ptr<env::Connection> stream) { return ServeBytes(std::move(stream), bytes); });
    Connect();
    EXPECT_EQ(CodeOfOneBeat(), StatusCode::kInvalidArgument);
    connection_.reset();
    listener_.reset();
  }
}

}  // namespace
}  // namespace dohle::kafka::client
