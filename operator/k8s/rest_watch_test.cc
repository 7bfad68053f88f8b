#include "operator/k8s/rest_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/k8s/object.h"
#include "operator/k8s/testing/rest_client_fixture.h"

namespace dohle::k8s {
namespace {

using testing::Chunk;
using testing::ChunkedHead;
using ::testing::HasSubstr;
using testing::LastChunk;
using testing::RestClientFixture;
using testing::Script;
using testing::Step;
using testing::Whole;

constexpr absl::Duration kLong = absl::Seconds(60);

class RestWatchTest : public RestClientFixture {};

std::string Event(const std::string& type, const std::string& name, size_t padding = 0) {
  const Json object = {
      {"kind", "Pod"}, {"metadata", {{"name", name}}}, {"padding", std::string(padding, 'x')}};
  return Json{{"type", type}, {"object", object}}.dump() + "\n";
}

env::Task<StatusOr<std::unique_ptr<Watch>>> Open(Client* client) {
  WatchOptions options;
  options.ns = "n";
  options.resource_version = "41";
  options.selector.labels = "a=b";
  co_return co_await client->StartWatch(kPods, std::move(options));
}

// The name in the next event, or what happened instead.
env::Task<std::string> NextName(Watch* watch, absl::Duration patience = kLong) {
  const StatusOr<WatchEvent> event = co_await watch->Next(patience);
  co_return event.ok() ? FindString(*event->object, "metadata.name") : event.status().ToString();
}

env::Task<void> AcrossChunks(RestClientFixture* t) {
  const std::string added = Event("ADDED", "a");
  const std::string bookmark = R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"50"}}})"
                               "\n";
  Script script{Step{ChunkedHead(), nullptr, false}};
  for (const char c : added) script.push_back({Chunk(std::string(1, c)), nullptr, false});
  script.push_back({Chunk(Event("MODIFIED", "b") + Event("DELETED", "c") + bookmark.substr(0, 9))});
  script.push_back({Chunk(bookmark.substr(9) + "\n" + Event("ADDED", "d"))});
  script.push_back({LastChunk()});
  t->server->Answer(std::move(script));
  auto client = t->Connect();
  auto watch = co_await Open(client.get());
  EXPECT_TRUE(watch.ok()) << watch.status();
  if (!watch.ok()) co_return;
  EXPECT_THAT(t->server->seen()[0].target,
              HasSubstr("/api/v1/namespaces/n/pods?watch=true&allowWatchBookmarks=true&resourceVersion=41&"
                        "labelSelector=a%3Db&timeoutSeconds="));
  const WatchEvent::Type types[] = {WatchEvent::Type::kAdded, WatchEvent::Type::kModified,
                                    WatchEvent::Type::kDeleted, WatchEvent::Type::kBookmark,
                                    WatchEvent::Type::kAdded};
  for (const WatchEvent::Type type : types) {
    const StatusOr<WatchEvent> event = co_await (*watch)->Next(kLong);
    EXPECT_TRUE(event.ok()) << event.status();
    if (!event.ok()) co_return;
    EXPECT_EQ(event->type, type);
    if (type == WatchEvent::Type::kBookmark) {
      EXPECT_EQ(FindString(*event->object, "metadata.resourceVersion"), "50");
    }
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ((co_await (*watch)->Next(kLong)).status().code(), StatusCode::kUnavailable) << "it ended";
  }
}
TEST_F(RestWatchTest, ReadsEventsAcrossChunks) { Run(AcrossChunks(this)); }

env::Task<void> Gone(RestClientFixture* t) {
  const Json status = {{"kind", "Status"}, {"code", 410}, {"reason", "Expired"}, {"message", "too old"}};
  t->server->Answer(ChunkedHead() + Chunk(Event("ADDED", "a")) +
                    Chunk(Json{{"type", "ERROR"}, {"object", status}}.dump() + "\n"));
  t->server->Answer(Whole(410, status.dump()));
  Json busy = status;
  busy["code"] = 429;
  t->server->Answer(Whole(429, busy.dump(2), "Retry-After: 2\r\n"));
  auto client = t->Connect();
  auto watch = co_await Open(client.get());
  EXPECT_TRUE(watch.ok());
  EXPECT_EQ(co_await NextName(watch->get()), "a");
  EXPECT_EQ((co_await (*watch)->Next(kLong)).status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ((co_await (*watch)->Next(kLong)).status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ((co_await Open(client.get())).status().code(), StatusCode::kOutOfRange);
  const Status refused = (co_await Open(client.get())).status();
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted) << refused;
  EXPECT_EQ(RetryAfter(refused), absl::Seconds(2));
}
TEST_F(RestWatchTest, SaysThatTheVersionIsTooOld) { Run(Gone(this)); }

env::Task<void> Broken(RestClientFixture* t) {
  auto client = t->Connect();
  const std::string answers[] = {Chunk("no JSON\n"),
                                 Chunk(R"({"type": "ADDED"})"
                                       "\n"),
                                 Chunk(R"({"type": "WAT", "object": {}})"
                                       "\n"),
                                 Chunk(R"({"type": "ERROR", "object": {"kind": "Status", "code": 500}})"
                                       "\n"),
                                 Chunk(std::string(3000000, 'x')) + Chunk(std::string(3000000, 'x'))};
  for (const std::string& answer : answers) {
    t->server->Answer(ChunkedHead() + answer);
    auto watch = co_await Open(client.get());
    EXPECT_TRUE(watch.ok());
    EXPECT_EQ((co_await (*watch)->Next(kLong)).status().code(), StatusCode::kUnavailable);
  }
  t->server->Answer(Script{Step{ChunkedHead() + Chunk(Event("ADDED", "a") + "{\"ty"), nullptr, true}});
  auto watch = co_await Open(client.get());
  EXPECT_EQ(co_await NextName(watch->get()), "a");
  EXPECT_EQ((co_await (*watch)->Next(kLong)).status().code(), StatusCode::kUnavailable) << "cut off";
}
TEST_F(RestWatchTest, EndsWhereItIsBroken) { Run(Broken(this)); }

env::Task<void> Silent(RestClientFixture* t) {
  auto gate = std::make_shared<env::OneShot<bool>>();
  t->server->Answer(Script{Step{ChunkedHead() + Chunk(Event("ADDED", "a")), nullptr, false},
                           Step{Chunk(Event("ADDED", "b")), gate, false}});
  auto client = t->Connect();
  auto watch = co_await Open(client.get());
  EXPECT_EQ(co_await NextName(watch->get()), "a");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ((co_await (*watch)->Next(absl::Milliseconds(5))).status().code(),
              StatusCode::kDeadlineExceeded);
  }
  gate->Set(true);
  EXPECT_EQ(co_await NextName(watch->get()), "b") << "it still stood";
}
TEST_F(RestWatchTest, StandsWhileItIsSilent) { Run(Silent(this)); }

env::Task<void> KeepNext(Watch* watch, std::shared_ptr<env::OneShot<Status>> out) {
  out->Set((co_await watch->Next(kLong)).status());
}

env::Task<void> Closed(RestClientFixture* t) {
  t->server->Answer(ChunkedHead() + Chunk(Event("ADDED", "a") + Event("ADDED", "b")));
  auto client = t->Connect();
  auto watch = co_await Open(client.get());
  EXPECT_EQ(co_await NextName(watch->get()), "a");
  EXPECT_EQ(co_await NextName(watch->get()), "b");
  auto result = std::make_shared<env::OneShot<Status>>();
  env::Spawn(*t->env->executors[0], KeepNext(watch->get(), result));
  (*watch)->Close();
  (*watch)->Close();
  EXPECT_EQ((co_await result->WaitForever())->code(), StatusCode::kCancelled);
  EXPECT_EQ((co_await (*watch)->Next(kLong)).status().code(), StatusCode::kCancelled);
  // The server notices: the next answer is for another connection.
  watch->reset();
  t->server->Answer(ChunkedHead() + Chunk(Event("ADDED", "c")));
  watch = co_await Open(client.get());
  EXPECT_EQ(co_await NextName(watch->get()), "c");
  EXPECT_EQ(t->server->connections(), 2);
}
TEST_F(RestWatchTest, ClosesWhileSomebodyWaits) { Run(Closed(this)); }

env::Task<void> ClientGone(RestClientFixture* t) {
  t->server->Answer(ChunkedHead());
  auto client = t->Connect();
  auto watch = co_await Open(client.get());
  auto result = std::make_shared<env::OneShot<Status>>();
  env::Spawn(*t->env->executors[0], KeepNext(watch->get(), result));
  client.reset();
  EXPECT_EQ((co_await result->WaitForever())->code(), StatusCode::kCancelled);
}
TEST_F(RestWatchTest, EndsWithItsClient) {
  for (int i = 0; i < 20; ++i) Run(ClientGone(this));
}

env::Task<void> NeverAnswered(RestClientFixture* t) {
  auto client = t->Connect(absl::Milliseconds(20));
  EXPECT_EQ((co_await Open(client.get())).status().code(), StatusCode::kDeadlineExceeded);
}
TEST_F(RestWatchTest, GivesUpIfTheServerSaysNothing) { Run(NeverAnswered(this)); }

env::Task<void> Slow(RestClientFixture* t) {
  constexpr int kEvents = 400;
  Script script{Step{ChunkedHead(), nullptr, false}};
  for (int i = 0; i < kEvents; ++i) {
    script.push_back({Chunk(Event("ADDED", std::to_string(i), 30000)), nullptr, false});
  }
  script.push_back({LastChunk(), nullptr, false});
  t->server->Answer(std::move(script));
  auto client = t->Connect();
  auto watch = co_await Open(client.get());
  for (int i = 0; i < kEvents; ++i) {
    const std::string name = co_await NextName(watch->get());
    EXPECT_EQ(name, std::to_string(i));
    if (name != std::to_string(i)) co_return;
    if (i % 50 != 0) continue;
    // Lets the server get ahead.
    auto never = std::make_shared<env::OneShot<bool>>();
    co_await never->WaitFor(absl::Milliseconds(2));
  }
  EXPECT_EQ((co_await (*watch)->Next(kLong)).status().code(), StatusCode::kUnavailable);
}
TEST_F(RestWatchTest, LosesNothingWhenItsReaderIsSlow) { Run(Slow(this)); }

// Without a server: what is read ahead is bounded.
TEST(WatchStreamTest, MakesTheServerWait) {
  auto stream = std::make_shared<WatchStream>();
  stream->OnHead({.code = 200, .content_length = {}, .retry_after = {}});
  int taken = 0;
  int sent = 0;
  while (taken == sent && sent < 1000) {
    ++sent;
    stream->OnBytes(Event("ADDED", "a", 30000), [&taken] { ++taken; });
  }
  EXPECT_EQ(sent, taken + 1);
  EXPECT_GT(sent, 30);
  EXPECT_LT(sent, 40);
  // An object of its own that is larger must come in whole all the same.
  stream = std::make_shared<WatchStream>();
  stream->OnHead({.code = 200, .content_length = {}, .retry_after = {}});
  taken = 0;
  for (int i = 0; i < 3; ++i) stream->OnBytes(std::string(1000000, 'x'), [&taken] { ++taken; });
  EXPECT_EQ(taken, 3);
}

// Without a server: cpprestsdk may hand over the first bytes before the head.
TEST(WatchStreamTest, TakesBytesBeforeTheHead) {
  auto stream = std::make_shared<WatchStream>();
  stream->OnBytes(R"({"kind": "Status", "code": 403, "message": "not you"})", [] {});
  EXPECT_FALSE(stream->opened()->settled());
  stream->OnHead({.code = 403, .content_length = {}, .retry_after = {}});
  EXPECT_FALSE(stream->opened()->settled());
  stream->OnEnd(OkStatus());
  EXPECT_TRUE(stream->opened()->settled());
}

}  // namespace
}  // namespace dohle::k8s
