#include "tests/topics/world.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "lib/env/sleep.h"

namespace dohle::sim {

using k8s::Json;

// Each takes a moment.
void TopicsWorld::SetFaults(uint64_t of_100) {
  const double chance = static_cast<double>(of_100) / 300;
  api->Set({.before = chance,
            .after = chance,
            .conflict = chance,
            .reads = false,
            .most_delay = absl::Milliseconds(4)});
}

TopicsWorld::TopicsWorld(uint64_t seed)
    : world_(seed), cluster_(world_, {}), operator_node_(world_.AddNode("operator")) {
  env::Env& env = operator_node_.env();
  auto opened = local::ApiStore::Open(env, executor(), "/state");
  DOHLE_CHECK(opened.ok());
  store_ = std::move(*opened);
  api = std::make_unique<tests::FaultyClient>(*store_, env.random);
  SetFaults(0);
  kafka.name = "Cluster demo";
  kafka.bootstrap = env::ToString(cluster_.endpoints().front());
  kafka::client::ClusterClientOptions options;
  options.connection.request_timeout = absl::Seconds(10);
  client_ = std::make_unique<kafka::client::ClusterClient>(
      env.transport, executor(), *kafka::client::ParseBootstrapServers(kafka.bootstrap), options);
  admin_ = std::make_unique<kafka::client::Admin>(*client_);
  StartBroker();
}

TopicsWorld::~TopicsWorld() { operator_node_.Crash(env::SimNode::Death::kProcess); }

bool TopicsWorld::RunUntil(const std::function<bool()>& done, absl::Duration limit) {
  const env::MonotonicTime end = world_.now() + limit;
  while (!done() && world_.now() < end) {
    const env::MonotonicTime slice = world_.now() + absl::Milliseconds(100);
    if (!world_.RunUntil(done, slice - world_.now())) world_.RunFor(slice - world_.now());
    cluster_.Tend();
  }
  return done();
}

void TopicsWorld::RunFor(absl::Duration duration) {
  RunUntil([] { return false; }, duration);
}

void TopicsWorld::StartBroker() {
  cluster_.Start(0);
  DOHLE_CHECK(RunUntil([this] { return cluster_.serving(0); }, absl::Minutes(5)));
}

void TopicsWorld::CrashBroker(absl::Duration down) {
  cluster_.Crash(0, env::SimNode::Death::kProcess);
  RunFor(down);
  StartBroker();
}

void TopicsWorld::Apply(const std::string& name, int partitions, std::map<std::string, std::string> config,
                        std::string deletion_policy) {
  Json topic = k8s::NewObject(k8s::kTopics, {"default", name});
  topic["spec"] = {{"cluster", "demo"}, {"partitions", partitions}, {"deletionPolicy", deletion_policy}};
  topic["spec"]["config"] = config;
  k8s::ApplyOptions options;
  options.field_manager = "user";
  const auto applied = Do(store_->Apply(k8s::kTopics, std::move(topic), std::move(options)));
  EXPECT_TRUE(applied.ok()) << applied.status();
}

void TopicsWorld::Remove(const std::string& name) {
  k8s::ObjectName object{"default", name};
  const Status removed = Do(store_->Delete(k8s::kTopics, object, {}));
  EXPECT_TRUE(removed.ok()) << removed;
}

std::optional<reconcile::TopicResource> TopicsWorld::Find(const std::string& name) {
  k8s::ObjectName object{"default", name};
  const auto found = Do(store_->Get(k8s::kTopics, object));
  if (!found.ok()) return std::nullopt;
  auto read = reconcile::ReadTopicResource(*found);
  EXPECT_TRUE(read.ok()) << read.status();
  return std::move(*read);
}

std::string TopicsWorld::Reason(const std::string& name) {
  const auto topic = Find(name);
  if (!topic) return "gone";
  const api::Condition* ready = api::FindCondition(topic->status.conditions, "Ready");
  return ready == nullptr ? "none" : ready->reason;
}

bool TopicsWorld::Ready(const std::string& name) {
  const auto topic = Find(name);
  if (!topic || topic->status.observed_generation != topic->meta.generation) return false;
  const api::Condition* ready = api::FindCondition(topic->status.conditions, "Ready");
  return ready != nullptr && ready->status == "True" && ready->observed_generation == topic->meta.generation;
}

void TopicsWorld::StartOperator() {
  loop_ = std::make_shared<Loop>();
  loop_->topics = std::make_unique<reconcile::TopicReconciler>(operator_node_.env(), executor(), *api, events,
                                                               reconcile::TopicReconcilerOptions());
  past_.clear();
  env::Spawn(executor(), RunTurns(this, loop_));
}

void TopicsWorld::StopOperator() {
  loop_->stopped = true;
  loop_->topics->Close();
  EXPECT_TRUE(RunUntil([this] { return loop_->ended; }, absl::Minutes(2)));
  loop_.reset();
}

env::Task<void> TopicsWorld::RunTurns(TopicsWorld* world, std::shared_ptr<Loop> loop) {
  while (!loop->stopped) {
    reconcile::TopicInputs inputs;
    inputs.cluster = world->kafka;
    inputs.topics = co_await ListTopics(world);
    if (loop->stopped) break;
    const absl::Duration again = co_await loop->topics->RunOnce(std::move(inputs));
    ++world->turns;
    // In place of being told of changes.
    const absl::Duration pause = std::clamp(again, absl::Milliseconds(1), absl::Milliseconds(200));
    co_await env::Sleep(pause);
  }
  loop->ended = true;
}

env::Task<std::vector<reconcile::TopicRef>> TopicsWorld::ListTopics(TopicsWorld* world) {
  std::vector<reconcile::TopicRef> topics;
  k8s::ListOptions options;
  do {
    k8s::ListOptions page_options = options;
    StatusOr<k8s::ListPage> page = co_await world->store_->List(k8s::kTopics, std::move(page_options));
    DOHLE_CHECK(page.ok());
    for (const Json& item : page->items) {
      auto read = reconcile::ReadTopicResource(item);
      DOHLE_CHECK(read.ok());
      topics.push_back(std::make_shared<const reconcile::TopicResource>(std::move(*read)));
    }
    options.continue_token = page->continue_token;
  } while (!options.continue_token.empty());
  if (!world->stale_reads) co_return topics;
  constexpr size_t kKept = 5;
  world->past_.push_back(std::move(topics));
  if (world->past_.size() > kKept) world->past_.erase(world->past_.begin());
  co_return world->past_[world->operator_node_.env().random.Below(world->past_.size())];
}

StatusOr<std::map<std::string, kafka::client::TopicDescription>> TopicsWorld::Topics() {
  auto listed = Do(admin_->ListTopics());
  if (!listed.ok()) return listed.status();
  std::map<std::string, kafka::client::TopicDescription> topics;
  for (auto& topic : *listed) {
    if (!topic.internal) topics.emplace(topic.name, std::move(topic));
  }
  return topics;
}

}  // namespace dohle::sim
