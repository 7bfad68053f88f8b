#include "lib/env/sim/sim_world.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "lib/env/lane.h"
#include "lib/env/one_shot.h"
#include "lib/env/posix/test_seed.h"
#include "lib/env/sleep.h"

namespace dohle::env {
namespace {

using Death = SimNode::Death;

class SimWorldTest : public testing::Test {
 protected:
  SimWorldTest()
      : seed_(TestSeed()), trace_(__FILE__, __LINE__, testing::Message() << "DOHLE_SEED=" << seed_) {}
  const uint64_t seed_;
  const testing::ScopedTrace trace_;
};

Task<void> SleepAndNote(Executor* executor, absl::Duration delay, std::vector<int>* order, int name) {
  co_await Sleep(delay);
  EXPECT_EQ(Executor::Current(), executor);
  order->push_back(name);
}

TEST_F(SimWorldTest, TimeJumpsToTheNextTimer) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  Executor* executor = node.env().executors[0];
  std::vector<int> order;
  Spawn(*executor, SleepAndNote(executor, absl::Hours(24), &order, 2));
  Spawn(*executor, SleepAndNote(executor, absl::Hours(1), &order, 1));
  const int64_t wall_ms = node.env().clock.WallTimeMs();
  EXPECT_FALSE(world.RunUntilIdle(absl::Hours(2)));
  EXPECT_EQ(order, (std::vector<int>{1}));
  EXPECT_TRUE(world.RunUntilIdle(absl::Hours(48)));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(world.now(), MonotonicTime() + absl::Hours(24));
  EXPECT_EQ(node.env().clock.WallTimeMs() - wall_ms, 24 * 3600 * 1000);
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(world.now(), MonotonicTime() + absl::Hours(24) + absl::Seconds(1));
  node.SetWallClock(absl::Hours(-24));
  EXPECT_EQ(node.env().clock.WallTimeMs() - wall_ms, 1000);
}

TEST_F(SimWorldTest, AWallClockGoesWrong) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  const int64_t wall_ms = node.env().clock.WallTimeMs();
  world.RunFor(absl::Seconds(10));
  node.SetWallClock(absl::Seconds(-3), 0.05);
  EXPECT_EQ(node.env().clock.WallTimeMs() - wall_ms, 7000);
  world.RunFor(absl::Seconds(100));
  EXPECT_EQ(node.env().clock.WallTimeMs() - wall_ms, 7000 + 105'000);
  EXPECT_EQ(node.env().clock.Now(), world.now());
}

TEST_F(SimWorldTest, TimersAreCancelled) {
  SimWorld world(seed_);
  Executor* executor = world.AddNode("a").env().executors[0];
  int ran = 0;
  executor->Post([&] {
    const TimerId first = executor->RunAfter(absl::Seconds(1), [&] { ran += 1; });
    const TimerId second = executor->RunAfter(absl::Seconds(1), [&] { ran += 10; });
    executor->RunAfter(absl::Milliseconds(5), [executor, second] { executor->Cancel(second); });
    executor->RunAfter(absl::Seconds(2), [executor, first] { executor->Cancel(first); });
  });
  EXPECT_TRUE(world.RunUntilIdle());
  EXPECT_EQ(ran, 1);
}

// --- a little client and server

Task<void> Echo(std::unique_ptr<Connection> connection) {
  std::string buffer(1000, '\0');
  for (;;) {
    const StatusOr<size_t> got = co_await ReadSome(*connection, buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) co_return;
    const std::string_view data(buffer.data(), *got);
    if (!(co_await WriteAll(*connection, data)).ok()) co_return;
  }
}

std::unique_ptr<Listener> ListenAndEcho(SimNode& node, uint16_t port) {
  auto listener = node.env().transport.Listen({"", port}, node.env().executors,
                                              [](std::unique_ptr<Connection> connection) {
                                                Executor& executor = connection->executor();
                                                Spawn(executor, Echo(std::move(connection)));
                                              });
  EXPECT_TRUE(listener.ok()) << listener.status();
  return std::move(listener).value();
}

struct Client {
  int round_trips = 0;
  Status status = OkStatus();
  bool ended = false;
};

Task<void> TalkFor(Transport* transport, Executor* executor, std::string host, int times, Client* client) {
  const Endpoint server{std::move(host), 9092};
  auto connection = co_await transport->Connect(*executor, server, absl::Seconds(10));
  client->status = connection.status();
  for (int i = 0; i < times && client->status.ok(); ++i) {
    std::string message;
    while (message.size() < 3000) message += std::to_string(i) + " ";
    client->status = co_await WriteAll(**connection, message);
    if (!client->status.ok()) break;
    std::string back(message.size(), '\0');
    client->status = co_await ReadExactly(**connection, back.data(), back.size());
    if (!client->status.ok()) break;
    EXPECT_EQ(back, message);
    ++client->round_trips;
    co_await Sleep(absl::Milliseconds(100));
  }
  client->ended = true;
}

void StartClient(SimNode& node, const std::string& host, int times, Client* client) {
  Executor* executor = node.env().executors[0];
  Spawn(*executor, TalkFor(&node.env().transport, executor, host, times, client));
}

uint64_t TraceOf(uint64_t seed) {
  SimWorld world(seed);
  SimNode& server = world.AddNode("server", 2);
  SimNode& first = world.AddNode("first");
  SimNode& second = world.AddNode("second");
  const auto listener = ListenAndEcho(server, 9092);
  Client a;
  Client b;
  StartClient(first, "server", 10, &a);
  StartClient(second, "server", 10, &b);
  EXPECT_TRUE(world.RunUntilIdle());
  EXPECT_EQ(a.round_trips, 10) << a.status;
  EXPECT_EQ(b.round_trips, 10) << b.status;
  return world.trace();
}

TEST_F(SimWorldTest, ASeedIsARun) {
  EXPECT_EQ(TraceOf(seed_), TraceOf(seed_));
  EXPECT_NE(TraceOf(seed_), TraceOf(seed_ + 1));
}

TEST_F(SimWorldTest, ConnectFailsAsTheSystemWould) {
  SimWorld world(seed_);
  SimNode& server = world.AddNode("server");
  SimNode& node = world.AddNode("node");
  Client refused;
  Client unknown;
  StartClient(node, "server", 1, &refused);
  StartClient(node, "nowhere", 1, &unknown);
  ASSERT_TRUE(world.RunUntilIdle());
  EXPECT_EQ(refused.status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(unknown.status.code(), StatusCode::kUnavailable);
  auto listener = ListenAndEcho(server, 9092);
  EXPECT_EQ(server.env().transport.Listen({"", 9092}, server.env().executors, {}).status().code(),
            StatusCode::kFailedPrecondition);
  Client cut;
  world.network().Cut("node", "server");
  StartClient(node, "server", 1, &cut);
  ASSERT_TRUE(world.RunUntilIdle());
  EXPECT_EQ(cut.status.code(), StatusCode::kDeadlineExceeded);
  world.network().HealAll();
  Client fine;
  StartClient(node, "server", 1, &fine);
  ASSERT_TRUE(world.RunUntilIdle());
  EXPECT_EQ(fine.round_trips, 1) << fine.status;
  listener->Stop();
  Client stopped;
  StartClient(node, "server", 1, &stopped);
  ASSERT_TRUE(world.RunUntilIdle());
  EXPECT_EQ(stopped.status.code(), StatusCode::kUnavailable);
}

TEST_F(SimWorldTest, ACutHoldsAStreamUpUntilItHeals) {
  for (const bool to_server : {true, false}) {
    SimWorld world(seed_);
    SimNode& server = world.AddNode("server");
    SimNode& node = world.AddNode("node");
    const auto listener = ListenAndEcho(server, 9092);
    Client client;
    StartClient(node, "server", 10, &client);
    ASSERT_TRUE(world.RunUntil([&] { return client.round_trips == 3; }));
    world.network().Cut(to_server ? "node" : "server", to_server ? "server" : "node");
    world.RunFor(absl::Seconds(60));
    EXPECT_EQ(client.round_trips, 3);
    EXPECT_FALSE(client.ended);
    world.network().HealAll();
    ASSERT_TRUE(world.RunUntilIdle());
    EXPECT_EQ(client.round_trips, 10) << client.status;
  }
}

TEST_F(SimWorldTest, ResetBreaksConnections) {
  SimWorld world(seed_);
  SimNode& server = world.AddNode("server");
  SimNode& node = world.AddNode("node");
  const auto listener = ListenAndEcho(server, 9092);
  Client client;
  StartClient(node, "server", 10, &client);
  ASSERT_TRUE(world.RunUntil([&] { return client.round_trips == 3; }));
  world.network().ResetConnections("server", "node");
  ASSERT_TRUE(world.RunUntilIdle());
  EXPECT_EQ(client.status.code(), StatusCode::kUnavailable);
}

TEST_F(SimWorldTest, AKilledProcessIsNoticedAtOnceAndACutPowerOnlyAfterItIsBack) {
  for (const Death death : {Death::kProcess, Death::kPower}) {
    SimWorld world(seed_);
    SimNode& server = world.AddNode("server");
    SimNode& node = world.AddNode("node");
    auto listener = ListenAndEcho(server, 9092);
    Client client;
    StartClient(node, "server", 1000, &client);
    ASSERT_TRUE(world.RunUntil([&] { return client.round_trips == 3; }));
    server.Crash(death);
    listener.reset();
    world.RunFor(absl::Seconds(1));
    EXPECT_EQ(client.ended, death == Death::kProcess);
    server.Restart();
    listener = ListenAndEcho(server, 9092);
    Client again;
    StartClient(node, "server", 2, &again);
    ASSERT_TRUE(world.RunUntilIdle());
    EXPECT_EQ(again.round_trips, 2) << again.status;
  }
}

// --- crashes

struct Counted {
  explicit Counted(int* counter) : count(counter) { ++*count; }
  ~Counted() { --*count; }
  int* count;
};

Task<void> HoldLane(Lane* lane, int* alive) {
  const Counted counted(alive);
  const LaneGuard guard = co_await lane->Enter();
  co_await Sleep(absl::Hours(1));
}

Task<void> WaitForShot(std::shared_ptr<OneShot<int>> shot, int* alive) {
  const Counted counted(alive);
  co_await shot->WaitFor(absl::Hours(1));
}

Task<void> UsePool(BlockingPool* pool, int* alive, int* worked) {
  const Counted counted(alive);
  co_await RunBlocking<int>(*pool, [worked] { return ++*worked; });
}

TEST_F(SimWorldTest, ACrashDestroysEveryCoroutineOfTheNodeAndNoOther) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a", 3);
  SimNode& other = world.AddNode("b");
  Lane lane;
  Lane others;
  auto shot = std::make_shared<OneShot<int>>();
  int alive = 0;
  int others_alive = 0;
  int worked = 0;
  for (int i = 0; i < 9; ++i)
    Spawn(*node.env().executors[static_cast<size_t>(i % 3)], HoldLane(&lane, &alive));
  Spawn(*node.env().executors[1], WaitForShot(shot, &alive));
  Spawn(*other.env().executors[0], HoldLane(&others, &others_alive));
  world.RunFor(absl::Seconds(1));
  node.SetBlockingDelay(absl::Seconds(5), absl::Seconds(5));
  Spawn(*node.env().executors[2], UsePool(&node.env().blocking_pool, &alive, &worked));
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(alive, 11);
  Executor* dead = node.env().executors[0];
  world.After(absl::Milliseconds(1), [&] { node.Crash(Death::kPower); });
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(others_alive, 1);
  shot->Set(1);  // too late, and harmless
  bool ran = false;
  dead->Post([&] { ran = true; });
  EXPECT_TRUE(world.RunUntilIdle(absl::Hours(2)));
  EXPECT_EQ(worked, 0);
  EXPECT_FALSE(ran);
  EXPECT_EQ(others_alive, 0);
}

TEST_F(SimWorldTest, ConnectionsInEveryStageSurviveACrashOfEitherSide) {
  for (uint64_t i = 0; i < 200; ++i) {
    SimWorld world(seed_ + i);
    SimNode& server = world.AddNode("server", 2);
    SimNode& node = world.AddNode("node");
    auto listener = ListenAndEcho(server, 9092);
    std::vector<Client> clients(5);
    for (Client& client : clients) StartClient(node, "server", 3, &client);
    const absl::Duration when = absl::Microseconds(world.random().Below(i % 2 == 0 ? 2000 : 300'000));
    world.RunFor(when);
    (i % 4 < 2 ? server : node).Crash(i % 3 == 0 ? Death::kPower : Death::kProcess);
    world.RunFor(absl::Seconds(1));
    (i % 4 < 2 ? server : node).Restart();
    if (i % 4 < 2) listener = ListenAndEcho(server, 9092);
    Client again;
    StartClient(node, "server", 3, &again);
    world.RunFor(absl::Seconds(60));
    EXPECT_EQ(again.round_trips, 3) << again.status;
  }
}

// What is shown to the tap is what was written; what is sent astray arrives like any other.
TEST_F(SimWorldTest, StraysArriveOnConnectionsOfTheirOwn) {
  SimWorld world(seed_);
  SimNode& server = world.AddNode("server", 2);
  SimNode& node = world.AddNode("node");
  int accepted = 0;
  auto listener = server.env().transport.Listen({"", 9092}, server.env().executors,
                                                [&accepted](std::unique_ptr<Connection> connection) {
                                                  ++accepted;
                                                  Executor& executor = connection->executor();
                                                  Spawn(executor, Echo(std::move(connection)));
                                                });
  ASSERT_TRUE(listener.ok()) << listener.status();
  std::map<uint64_t, std::string> seen;
  world.network().SetTap(
      [&](uint64_t connection, const Endpoint& from, const Endpoint& to, std::string_view bytes) {
        EXPECT_EQ(from.host, "node");
        EXPECT_EQ(ToString(to), "server:9092");
        seen[connection] += bytes;
      });
  Client client;
  StartClient(node, "server", 3, &client);
  world.RunFor(absl::Seconds(10));
  ASSERT_EQ(client.round_trips, 3) << client.status;
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_FALSE(seen.begin()->second.empty());
  world.network().SendStray("node", {"server", 9092}, seen.begin()->second);
  world.network().SendStray("node", {"server", 1}, "nobody listens there");
  EXPECT_TRUE(world.RunUntilIdle(absl::Seconds(10)));
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_EQ(accepted, 2);
}

}  // namespace
}  // namespace dohle::env
