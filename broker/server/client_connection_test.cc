#include "broker/server/client_connection.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/server/kafka_server.h"
#include "broker/server/limits.h"
#include "broker/server/services.h"
#include "lib/env/one_shot.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/messages/request_header.h"

namespace dohle::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// The API of these tests is Heartbeat with a body of text: "echo X" is answered with X; "wait X" when the
// test calls Gates::Open(X) or another request says "open X", holding up what follows; "poll X" likewise but
// lets the next go on; "late X" waits for X, lets the next go on and then waits for "end"; "quiet" isn't
// answered; "bye" closes the connection.
class Gates {
 public:
  // For one waiter: settled when the gate opens, or at once if it is open.
  std::shared_ptr<env::OneShot<bool>> Waiter(const std::string& name) {
    auto waiter = std::make_shared<env::OneShot<bool>>();
    const std::lock_guard<std::mutex> lock(mutex_);
    Gate& gate = gates_[name];
    if (gate.open) waiter->Set(true);
    gate.waiters.push_back(waiter);
    return waiter;
  }
  void Open(const std::string& name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Gate& gate = gates_[name];
    gate.open = true;
    for (const auto& waiter : gate.waiters) waiter->Set(true);
  }
  bool IsOpen(const std::string& name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return gates_[name].open;
  }
  size_t waiters(const std::string& name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return gates_[name].waiters.size();
  }

 private:
  struct Gate {
    bool open = false;
    std::vector<std::shared_ptr<env::OneShot<bool>>> waiters;  // all that ever waited
  };
  std::mutex mutex_;
  std::map<std::string, Gate> gates_;
};
Gates* g_gates = nullptr;

kafka::EncodedMessage Answer(int32_t correlation_id, std::string_view text) {
  kafka::Writer writer;
  writer.Int32(static_cast<int32_t>(text.size() + 4));
  writer.Int32(correlation_id);
  writer.Raw(text);
  return writer.Finish();
}

env::Task<std::optional<kafka::EncodedMessage>> ServeTest(RequestContext& context, std::string_view body) {
  const std::string_view verb = body.substr(0, body.find(' '));
  const std::string name(body.substr(std::min(body.size(), verb.size() + 1)));
  if (verb == "quiet") co_return std::nullopt;
  if (verb == "bye") {
    context.CloseConnection();
    co_return std::nullopt;
  }
  if (verb == "open") g_gates->Open(name);
  if (verb == "late") {
    co_await g_gates->Waiter(name)->WaitForever();
    context.AllowNext();
    co_await g_gates->Waiter("end")->WaitForever();
  }
  if (verb == "poll") context.AllowNext();
  if (verb == "poll" || verb == "wait") co_await g_gates->Waiter(name)->WaitForever();
  co_return Answer(context.correlation_id, name);
}

std::string Request(int32_t correlation_id, std::string_view body) {
  kafka::RequestHeader header;
  header.request_api_key = static_cast<int16_t>(kafka::ApiKey::kHeartbeat);
  header.request_api_version = 3;
  header.correlation_id = correlation_id;
  header.client_id = "test";
  kafka::Writer writer;
  writer.Int32(static_cast<int32_t>(EncodedSize(header, 1) + body.size()));
  Encode(header, 1, writer);
  writer.Raw(body);
  return writer.Finish().bytes;
}

class ClientConnectionTest : public testing::Test {
 protected:
  ClientConnectionTest()
      : posix_({.event_loops = 2, .io_threads = 1, .own_process = false}),
        dispatcher_({{kafka::ApiKey::kHeartbeat, {3, 3}, {3, 3}, &ServeTest}}) {
    g_gates = &gates_;
    posix_.Start();
    KafkaServerOptions options;
    options.listeners = {{"PLAINTEXT", {"127.0.0.1", 0}}};
    options.max_frame_bytes = 1 << 20;
    server_ = std::make_unique<KafkaServer>(posix_.env(), std::move(options));
    EXPECT_TRUE(server_->Start().ok());
    // No handler of these tests looks at the services.
    server_->Serve(*reinterpret_cast<Services*>(&no_services_), dispatcher_);
    address_ = server_->local_listeners()[0].endpoint;
  }
  ~ClientConnectionTest() override {
    StopServer();
    posix_.Stop();
  }

  void StopServer() { env::RunAndWait(*posix_.env().executors[0], server_->Stop()); }
  // Sends `bytes` and reads `n` bytes, or to the end of the stream.
  static env::Task<void> Talk(env::Env* env, env::Endpoint address, std::string bytes, size_t n,
                              std::promise<std::string>* out) {
    auto stream = co_await env->transport.Connect(*env->executors[1], address, kPatience);
    if (!stream.ok()) {
      out->set_value(stream.status().ToString());
      co_return;
    }
    Status sent = co_await env::WriteAll(**stream, bytes);
    EXPECT_TRUE(sent.ok());
    std::string received(n, '\0');
    size_t done = 0;
    while (done < n) {
      auto got = co_await env::ReadSome(**stream, received.data() + done, n - done);
      if (!got.ok() || *got == 0) break;
      done += *got;
    }
    received.resize(done);
    out->set_value(received);
  }
  std::future<std::string> Send(const std::string& bytes, size_t n) {
    talks_.push_back(std::make_unique<std::promise<std::string>>());
    env::Spawn(*posix_.env().executors[1], Talk(&posix_.env(), address_, bytes, n, talks_.back().get()));
    return talks_.back()->get_future();
  }
  static std::string Answers(std::vector<std::pair<int32_t, std::string>> answers) {
    std::string all;
    for (const auto& [id, text] : answers) all += Answer(id, text).bytes;
    return all;
  }

  Gates gates_;
  env::PosixEnv posix_;
  Dispatcher dispatcher_;
  char no_services_[sizeof(Services)] = {};
  std::unique_ptr<KafkaServer> server_;
  env::Endpoint address_;
  std::vector<std::unique_ptr<std::promise<std::string>>> talks_;
};

TEST_F(ClientConnectionTest, AnswersOne) {
  const std::string expected = Answers({{7, "hello"}});
  EXPECT_EQ(Send(Request(7, "echo hello"), expected.size()).get(), expected);
}

TEST_F(ClientConnectionTest, AnswersLeaveInOrderThoughALaterOneIsReadyFirst) {
  const std::string expected = Answers({{1, "a"}, {2, "b"}, {3, "c"}});
  auto received = Send(Request(1, "poll a") + Request(2, "poll b") + Request(3, "echo c"), expected.size());
  gates_.Open("b");
  gates_.Open("a");
  EXPECT_EQ(received.get(), expected);
}

TEST_F(ClientConnectionTest, WhatDoesNotAllowTheNextHoldsItUp) {
  const std::string expected = Answers({{1, "x"}, {2, "y"}});
  auto received = Send(Request(1, "wait x") + Request(2, "open y"), expected.size());
  // Round trips on both threads: the two requests have long been read.
  const std::string other = Answers({{9, "z"}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Send(Request(9, "echo z"), other.size()).get(), other);
  EXPECT_FALSE(gates_.IsOpen("y"));
  gates_.Open("x");
  EXPECT_EQ(received.get(), expected);
  EXPECT_TRUE(gates_.IsOpen("y"));
}

TEST_F(ClientConnectionTest, WhatAllowsTheNextAfterAWaitWakesTheReader) {
  const std::string expected = Answers({{1, "x"}, {2, "end"}});
  auto received = Send(Request(1, "late x") + Request(2, "open end"), expected.size());
  while (gates_.waiters("x") == 0) std::this_thread::yield();
  const std::string other = Answers({{9, "z"}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Send(Request(9, "echo z"), other.size()).get(), other);
  gates_.Open("x");
  // The first is answered only once the second has been served.
  EXPECT_EQ(received.get(), expected);
}

TEST_F(ClientConnectionTest, UnansweredRequestsLeaveNoTrace) {
  const std::string expected = Answers({{2, "b"}});
  EXPECT_EQ(Send(Request(1, "quiet") + Request(2, "echo b"), expected.size()).get(), expected);
}

TEST_F(ClientConnectionTest, ClosesAfterTheAnswersBefore) {
  const std::string expected = Answers({{1, "a"}});
  EXPECT_EQ(Send(Request(1, "echo a") + Request(2, "bye") + Request(3, "echo c"), 1000).get(), expected);
}

TEST_F(ClientConnectionTest, ClosesOnAFrameThatIsTooLarge) {
  EXPECT_EQ(Send(std::string("\x7f\xff\xff\xff", 4), 1).get(), "");
  EXPECT_EQ(Send(std::string("\xff\xff\xff\xff", 4), 1).get(), "");
  EXPECT_EQ(Send(std::string("\0\0\0\0", 4), 1).get(), "");
}

TEST_F(ClientConnectionTest, ClosesOnAnUnknownApiAndVersion) {
  std::string unknown = Request(1, "echo a");
  unknown[5] = 99;
  EXPECT_EQ(Send(unknown, 1).get(), "");
  std::string version = Request(1, "echo a");
  version[7] = 9;
  EXPECT_EQ(Send(version, 1).get(), "");
}

TEST_F(ClientConnectionTest, LargeFramesAndManyInOneWrite) {
  const std::string large(700'000, 'z');
  std::string requests;
  std::vector<std::pair<int32_t, std::string>> answers;
  for (int32_t i = 0; i < 300; ++i) {
    requests += Request(i, "echo " + std::to_string(i));
    answers.emplace_back(i, std::to_string(i));
  }
  requests += Request(300, "echo " + large);
  answers.emplace_back(300, large);
  const std::string expected = Answers(answers);
  EXPECT_EQ(Send(requests, expected.size()).get(), expected);
}

// More requests at once than a connection may have under way.
TEST_F(ClientConnectionTest, TheNumberOfOpenRequestsIsBounded) {
  std::string requests;
  std::vector<std::pair<int32_t, std::string>> answers;
  for (int32_t i = 0; i < 400; ++i) {
    requests += Request(i, "poll all");
    answers.emplace_back(i, "all");
  }
  const std::string expected = Answers(answers);
  auto received = Send(requests, expected.size());
  while (gates_.waiters("all") < kMostExchangesPerConnection) std::this_thread::yield();
  // Round trips on both threads: what could have been read besides has been.
  const std::string other = Answers({{9, "z"}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Send(Request(9, "echo z"), other.size()).get(), other);
  EXPECT_EQ(gates_.waiters("all"), kMostExchangesPerConnection);
  gates_.Open("all");
  EXPECT_EQ(received.get(), expected);
}

TEST_F(ClientConnectionTest, StopClosesConnections) {
  auto received = Send(Request(1, "echo a"), 1000);
  // The first answer shows that the connection is being served.
  const std::string expected = Answers({{1, "a"}});
  auto second = Send(Request(1, "echo a"), expected.size());
  EXPECT_EQ(second.get(), expected);
  StopServer();
  const std::string got = received.get();
  EXPECT_TRUE(got.empty() || got == expected) << got;
  EXPECT_EQ(server_->request_bytes_in_memory(), 0U);
}

}  // namespace
}  // namespace dohle::server
