#include "operator/k8s/rest_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"
#include "operator/k8s/testing/rest_client_fixture.h"

namespace dohle::k8s {
namespace {

using testing::Chunk;
using testing::ChunkedHead;
using ::testing::HasSubstr;
using testing::LastChunk;
using ::testing::Not;
using testing::RestClientFixture;
using testing::Script;
using testing::ScriptedServer;
using testing::Step;
using testing::Whole;

class RestClientTest : public RestClientFixture {};

std::string Failure(int code, const std::string& reason) {
  return Json{
      {"kind", "Status"}, {"status", "Failure"}, {"message", "no"}, {"reason", reason}, {"code", code}}
      .dump();
}

std::string Text(const Status& status) { return std::string(Message(status)); }

env::Task<Status> GetP(Client* client) {
  ObjectName name{"n", "p"};
  co_return (co_await client->Get(kPods, std::move(name))).status();
}

env::Task<void> Gets(RestClientFixture* t) {
  t->server->Answer(Whole(200, R"({"metadata": {"name": "p"}})"));
  auto client = t->Connect();
  ObjectName name{"n", "p"};
  const StatusOr<Json> pod = co_await client->Get(kPods, std::move(name));
  EXPECT_TRUE(pod.ok()) << pod.status();
  if (!pod.ok()) co_return;
  EXPECT_EQ((*pod)["metadata"]["name"], "p");
  const auto& seen = t->server->seen()[0];
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.target, "/api/v1/namespaces/n/pods/p");
  EXPECT_THAT(seen.head, HasSubstr("User-Agent: dohle-operator/1.2.3\r\n"));
  EXPECT_THAT(seen.head, HasSubstr("Authorization: Bearer secret\r\n"));
  EXPECT_THAT(seen.head, HasSubstr("Accept: application/json\r\n"));
}
TEST_F(RestClientTest, Gets) { Run(Gets(this)); }

env::Task<void> Writes(RestClientFixture* t) {
  for (int i = 0; i < 6; ++i) t->server->Answer(Whole(200, "{}"));
  auto client = t->Connect();
  const Json object = {{"metadata", {{"name", "a"}, {"namespace", "n"}}}};
  ApplyOptions apply;
  apply.field_manager = "dohle operator";
  apply.subresource = Subresource::kStatus;
  DeleteOptions remove;
  remove.uid = "u";
  remove.grace_period_s = 5;
  ObjectName name{"n", "a"};
  const Json patch = {{"x", "\xff"}};
  EXPECT_TRUE((co_await client->Create(kTopics, object)).ok());
  EXPECT_TRUE((co_await client->Replace(kTopics, object, Subresource::kStatus)).ok());
  EXPECT_TRUE((co_await client->Apply(kTopics, object, apply)).ok());
  EXPECT_TRUE((co_await client->MergePatch(kTopics, name, patch, Subresource::kNone)).ok());
  EXPECT_TRUE((co_await client->Delete(kTopics, name, remove)).ok());
  const auto& seen = t->server->seen();
  const std::string topics = "/apis/dohle.dev/v1alpha1/namespaces/n/topics";
  const std::string lines[] = {"POST " + topics, "PUT " + topics + "/a/status",
                               "PATCH " + topics + "/a/status?fieldManager=dohle%20operator&force=true",
                               "PATCH " + topics + "/a", "DELETE " + topics + "/a"};
  for (size_t i = 0; i < std::size(lines); ++i) EXPECT_EQ(seen[i].method + " " + seen[i].target, lines[i]);
  EXPECT_EQ(Json::parse(seen[0].body, nullptr, false), object);
  EXPECT_THAT(seen[0].head, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(seen[2].head, HasSubstr("Content-Type: application/apply-patch+yaml\r\n"));
  EXPECT_THAT(seen[3].head, HasSubstr("Content-Type: application/merge-patch+json\r\n"));
  const Json options = Json::parse(seen[4].body, nullptr, false);
  EXPECT_EQ(options["preconditions"]["uid"], "u");
  EXPECT_EQ(options["gracePeriodSeconds"], 5);
  EXPECT_EQ(options["propagationPolicy"], "Background");
  // A connection is free again a little after its answer.
  EXPECT_LT(t->server->connections(), 5) << "one after the other, they share connections";
}
TEST_F(RestClientTest, WritesAsTheApiWantsIt) { Run(Writes(this)); }

env::Task<void> Refusals(RestClientFixture* t) {
  const struct {
    int http_code;
    std::string body;
    StatusCode wanted;
  } cases[] = {
      {404, Failure(404, "NotFound"), StatusCode::kNotFound},
      {409, Failure(409, "AlreadyExists"), StatusCode::kAlreadyExists},
      {409, Failure(409, "Conflict"), StatusCode::kAborted},
      {422, Failure(422, "Invalid"), StatusCode::kInvalidArgument},
      {401, Failure(401, "Unauthorized"), StatusCode::kUnauthenticated},
      {403, "forbidden", StatusCode::kPermissionDenied},
      {500, Failure(500, "InternalError"), StatusCode::kUnavailable},
      {502, "<html>bad gateway</html>", StatusCode::kUnavailable},
      {302, "", StatusCode::kUnavailable},
      {200, "this isn't JSON", StatusCode::kUnavailable},
      {200, "", StatusCode::kUnavailable},
  };
  auto client = t->Connect();
  for (const auto& c : cases) {
    t->server->Answer(Whole(c.http_code, c.body, c.http_code == 302 ? "Location: /elsewhere\r\n" : ""));
    EXPECT_EQ((co_await GetP(client.get())).code(), c.wanted) << c.http_code << c.body;
  }
  EXPECT_EQ(t->server->seen().size(), std::size(cases));
  t->server->Answer(Whole(429, Failure(429, "TooManyRequests"), "Retry-After: 3\r\n"));
  const Status busy = co_await GetP(client.get());
  EXPECT_EQ(busy.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(RetryAfter(busy), absl::Seconds(3));
}
TEST_F(RestClientTest, SaysWhyItWasRefused) { Run(Refusals(this)); }

env::Task<void> BadNames(RestClientFixture* t) {
  auto client = t->Connect();
  ObjectName nameless{"n", ""};
  ObjectName sneaky{"n", ".."};
  ObjectName nowhere{"", "a"};
  const DeleteOptions options;
  EXPECT_EQ((co_await client->Delete(kPods, nameless, options)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((co_await client->Delete(kPods, sneaky, options)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((co_await client->Get(kPods, nowhere)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(t->server->seen().empty());
}
TEST_F(RestClientTest, NeverDeletesACollectionByMistake) { Run(BadNames(this)); }

env::Task<void> HalfAnswer(RestClientFixture* t) {
  auto client = t->Connect();
  const std::string whole = Whole(200, R"({"metadata": {"name": "p"}})");
  t->server->Answer(Script{Step{whole.substr(0, whole.size() - 5), nullptr, true}});
  EXPECT_EQ((co_await GetP(client.get())).code(), StatusCode::kUnavailable);
  t->server->Answer(Script{Step{ChunkedHead() + Chunk("{\"a\""), nullptr, true}});
  EXPECT_EQ((co_await GetP(client.get())).code(), StatusCode::kUnavailable);
  t->server->Answer(Script{Step{"HTTP/1.1 200 O", nullptr, true}});
  EXPECT_EQ((co_await GetP(client.get())).code(), StatusCode::kUnavailable);
  t->server->Answer(Script{Step{"nonsense\r\n\r\n", nullptr, true}});
  EXPECT_EQ((co_await GetP(client.get())).code(), StatusCode::kUnavailable);
  t->server->Answer(Script{Step{ChunkedHead() + "zz\r\n", nullptr, false}});
  EXPECT_EQ((co_await GetP(client.get())).code(), StatusCode::kUnavailable);
  // And it goes on as if nothing had been.
  t->server->Answer(whole);
  EXPECT_TRUE((co_await GetP(client.get())).ok());
}
TEST_F(RestClientTest, SurvivesBrokenAnswers) { Run(HalfAnswer(this)); }

env::Task<void> Unreachable(RestClientFixture* t) {
  auto client = t->Connect();
  t->server.reset();
  const Status status = co_await GetP(client.get());
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(Text(status), HasSubstr("GET /api/v1/namespaces/n/pods/p: Failed to connect"));
}
TEST_F(RestClientTest, SaysThatNobodyIsThere) { Run(Unreachable(this)); }

env::Task<void> Stalls(RestClientFixture* t) {
  auto client = t->Connect(absl::Milliseconds(50));
  EXPECT_EQ((co_await GetP(client.get())).code(), StatusCode::kDeadlineExceeded);
  auto never = std::make_shared<env::OneShot<bool>>();
  t->server->Answer(Script{Step{Whole(200, "{}").substr(0, 70), nullptr, false}, Step{"x", never, false}});
  EXPECT_EQ((co_await GetP(client.get())).code(), StatusCode::kDeadlineExceeded);
  never->Set(true);
}
TEST_F(RestClientTest, GivesUpOnAStall) { Run(Stalls(this)); }

env::Task<void> Pages(RestClientFixture* t) {
  const auto page = [](const std::string& name, const std::string& next) {
    return Whole(200, Json{{"kind", "PodList"},
                           {"metadata", {{"resourceVersion", "7"}, {"continue", next}}},
                           {"items", {{{"metadata", {{"name", name}}}}}}}
                          .dump());
  };
  t->server->Answer(page("a", "t1/+"));
  t->server->Answer(page("b", "t2"));
  t->server->Answer(page("c", ""));
  auto client = t->Connect();
  ListOptions options;
  options.ns = "n";
  options.selector.labels = "app=x,tier in (a,b)";
  options.limit = 1;
  std::string names;
  do {
    const StatusOr<ListPage> got = co_await client->List(kPods, options);
    EXPECT_TRUE(got.ok()) << got.status();
    if (!got.ok()) co_return;
    EXPECT_EQ(got->resource_version, "7");
    EXPECT_EQ(got->items.size(), 1u);
    EXPECT_EQ(got->items[0]["kind"], "Pod");
    EXPECT_EQ(got->items[0]["apiVersion"], "v1");
    names += got->items[0]["metadata"]["name"].get<std::string>();
    options.continue_token = got->continue_token;
  } while (!options.continue_token.empty());
  EXPECT_EQ(names, "abc");
  EXPECT_EQ(
      t->server->seen()[1].target,
      "/api/v1/namespaces/n/pods?limit=1&continue=t1%2F%2B&labelSelector=app%3Dx%2Ctier%20in%20%28a%2Cb%29");
  t->server->Answer(Whole(410, Failure(410, "Expired")));
  t->server->Answer(Whole(200, R"({"metadata": {"resourceVersion": "8"}, "items": null})"));
  t->server->Answer(Whole(200, R"({"items": [5]})"));
  t->server->Answer(Whole(200, R"({"kind": "PodList"})"));
  EXPECT_EQ((co_await client->List(kPods, options)).status().code(), StatusCode::kOutOfRange);
  const StatusOr<ListPage> empty = co_await client->List(kPods, options);
  EXPECT_TRUE(empty.ok() && empty->items.empty() && empty->resource_version == "8");
  EXPECT_EQ((co_await client->List(kPods, options)).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ((co_await client->List(kPods, options)).status().code(), StatusCode::kUnavailable);
}
TEST_F(RestClientTest, ListsInPages) { Run(Pages(this)); }

env::Task<void> TooLarge(RestClientFixture* t) {
  auto client = t->Connect();
  t->server->Answer("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
  const Status announced = co_await GetP(client.get());
  EXPECT_EQ(announced.code(), StatusCode::kUnavailable);
  EXPECT_THAT(Text(announced), HasSubstr("more than 4194304 bytes"));
  Script endless;
  endless.push_back({ChunkedHead(), nullptr, false});
  for (int i = 0; i < 100; ++i) endless.push_back({Chunk(std::string(100000, ' ')), nullptr, false});
  t->server->Answer(std::move(endless));
  const Status chunked = co_await GetP(client.get());
  EXPECT_THAT(Text(chunked), HasSubstr("more than 4194304 bytes"));
  // As large as allowed.
  const std::string padding(kMaxObjectBytes - 2, ' ');
  t->server->Answer(Whole(200, "{" + padding + "}"));
  EXPECT_TRUE((co_await GetP(client.get())).ok());
}
TEST_F(RestClientTest, BoundsAnswers) { Run(TooLarge(this)); }

env::Task<void> Restart(RestClientFixture* t) {
  auto client = t->Connect();
  t->server->Answer(Whole(200, "{}"));
  EXPECT_TRUE((co_await GetP(client.get())).ok());
  const uint16_t port = t->server->port();
  t->server.reset();
  t->server = std::make_unique<ScriptedServer>(*t->env, port);
  t->server->Answer(Whole(200, "{}"));
  const Json object = {{"metadata", {{"name", "a"}, {"namespace", "n"}}}};
  StatusOr<Json> created = co_await client->Create(kPods, object);
  if (!created.ok()) {
    // The kept connection's end may be noticed while writing.
    EXPECT_EQ(created.status().code(), StatusCode::kUnavailable) << created.status();
    created = co_await client->Create(kPods, object);
  }
  EXPECT_TRUE(created.ok()) << created.status();
  if (!created.ok()) co_return;
  EXPECT_EQ(t->server->seen().size(), 1u);
  EXPECT_EQ(Json::parse(t->server->seen()[0].body, nullptr, false), object) << "sent from its beginning";
}
TEST_F(RestClientTest, FindsAServerThatWasRestarted) { Run(Restart(this)); }

env::Task<void> CountDown(Client* client, Status* out, int* left, std::shared_ptr<env::OneShot<bool>> all) {
  *out = co_await GetP(client);
  if (--*left == 0) all->Set(true);
}

env::Task<void> InParallel(RestClientFixture* t) {
  constexpr int kRequests = 20;
  auto client = t->Connect();
  auto all = std::make_shared<env::OneShot<bool>>();
  std::vector<Status> results(kRequests);
  int left = kRequests;
  for (int i = 0; i < kRequests; ++i) {
    t->server->Answer(Whole(200, "{}"));
    env::Spawn(*t->env->executors[0], CountDown(client.get(), &results[static_cast<size_t>(i)], &left, all));
  }
  co_await all->WaitForever();
  for (const Status& status : results) EXPECT_TRUE(status.ok()) << status;
  const int connections = t->server->connections();
  EXPECT_GT(connections, 1);
  for (int i = 0; i < kRequests; ++i) {
    t->server->Answer(Whole(200, "{}"));
    EXPECT_TRUE((co_await GetP(client.get())).ok());
  }
  EXPECT_LE(t->server->connections(), connections + 1) << "they were kept";
}
TEST_F(RestClientTest, AsksInParallelAndKeepsConnections) { Run(InParallel(this)); }

env::Task<void> DestroyedWhileWaiting(RestClientFixture* t) {
  constexpr int kRequests = 5;
  auto client = t->Connect();
  auto all = std::make_shared<env::OneShot<bool>>();
  std::vector<Status> results(kRequests);
  int left = kRequests;
  for (Status& result : results)
    env::Spawn(*t->env->executors[0], CountDown(client.get(), &result, &left, all));
  client.reset();
  co_await all->WaitForever();
  for (const Status& status : results) EXPECT_EQ(status.code(), StatusCode::kCancelled) << status;
}
TEST_F(RestClientTest, EndsWhatIsUnderWayWithItself) {
  for (int i = 0; i < 20; ++i) Run(DestroyedWhileWaiting(this));
}

TEST_F(RestClientTest, MayOutliveItsExecutorsWork) {
  std::unique_ptr<RestClient> client;
  Status result;
  int left = 2;
  env::Spawn(*env->executors[0], CountDown((client = Connect()).get(), &result, &left, nullptr));
  StopEnv();  // where the request waits, its coroutine is destroyed
  client.reset();
  EXPECT_EQ(left, 2);
}

TEST_F(RestClientTest, RefusesUselessAccess) {
  ServerAccess access;
  access.server = "https://127.0.0.1:1";
  access.client_certificate = "no PEM";
  access.client_key = "no PEM";
  EXPECT_EQ(RestClient::Open(access, {}, *env).status().code(), StatusCode::kInvalidArgument);
  access = {};
  access.server = "::: no URL";
  EXPECT_EQ(RestClient::Open(access, {}, *env).status().code(), StatusCode::kInvalidArgument);
}

env::Task<void> TokenFile(RestClientFixture* t) {
  ServerAccess access;
  access.server = t->server->url();
  access.token_file = "/nowhere/token";
  auto client = RestClient::Open(access, {}, *t->env);
  EXPECT_EQ((co_await GetP(client->get())).code(), StatusCode::kUnauthenticated);
  EXPECT_TRUE(t->server->seen().empty());
}
TEST_F(RestClientTest, AsksNothingWithoutItsToken) { Run(TokenFile(this)); }

}  // namespace
}  // namespace dohle::k8s
