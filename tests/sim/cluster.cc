#include "tests/sim/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "broker/metadata/format.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace dohle::sim {
namespace {

env::Task<void> StartBroker(Broker* broker, std::shared_ptr<std::optional<Status>> outcome) {
  outcome->emplace(co_await broker->Start());
}

}  // namespace

Cluster::Cluster(env::SimWorld& world, ClusterOptions options) : options_(options) {
  for (int i = 0; i < options.nodes; ++i) {
    Member member;
    member.node = &world.AddNode(fmt::format("broker-{}", i + 1), 2);
    nodes_.push_back(std::move(member));
  }
}

std::vector<env::Endpoint> Cluster::endpoints() const {
  std::vector<env::Endpoint> endpoints;
  for (size_t i = 0; i < size(); ++i) endpoints.push_back({host(i), 9092});
  return endpoints;
}

size_t Cluster::running_count() const {
  size_t count = 0;
  for (size_t i = 0; i < size(); ++i) count += running(i) ? 1 : 0;
  return count;
}

Cluster::~Cluster() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (running(i)) Crash(i, env::SimNode::Death::kProcess);
  }
}

void Cluster::AddQuorum(size_t i, server::ConfigMap* properties) const {
  server::ConfigMap& config = *properties;
  config["process.roles"] = "broker,controller";
  config["listeners"] = "PLAINTEXT://:9092,CONTROLLER://:9093";
  config["advertised.listeners"] =
      fmt::format("PLAINTEXT://{0}:9092,CONTROLLER://{0}:9093", nodes_[i].node->name());
  config["controller.listener.names"] = "CONTROLLER";
  std::vector<std::string> voters;
  for (size_t n = 0; n < size(); ++n) voters.push_back(fmt::format("{}@{}:9093", n + 1, host(n)));
  config["controller.quorum.voters"] = absl::StrJoin(voters, ",");
  const size_t replicas = std::min<size_t>(3, size());
  config["default.replication.factor"] = fmt::format("{}", replicas);
  config["offsets.topic.replication.factor"] = fmt::format("{}", replicas);
  config["min.insync.replicas"] = "2";
  config["unclean.leader.election.enable"] = options_.unclean_election ? "true" : "false";
  config["replica.lag.time.max.ms"] = "5000";
}

server::LoadedConfig Cluster::Config(size_t i) const {
  server::ConfigMap properties;
  properties["node.id"] = fmt::format("{}", i + 1);
  properties["log.dirs"] = "/data";
  properties["listeners"] = "PLAINTEXT://:9092";
  properties["metrics.port"] = "-1";
  properties["num.partitions"] = "2";
  properties["auto.create.topics.enable"] = "false";
  properties["offsets.topic.num.partitions"] = "2";
  properties["group.initial.rebalance.delay.ms"] = "100";
  properties["log.roll.ms"] = fmt::format("{}", options_.roll_ms);
  properties["metadata.log.max.record.bytes.between.snapshots"] = fmt::format("{}", options_.snapshot_bytes);
  properties["log.flush.offset.checkpoint.interval.ms"] = "3000";
  properties["log.initial.task.delay.ms"] = "1000";
  properties["log.retention.check.interval.ms"] = "4000";
  properties["file.delete.delay.ms"] = "1000";
  if (options_.flush_every_message) properties["log.flush.interval.messages"] = "1";
  if (size() > 1) AddQuorum(i, &properties);
  StatusOr<server::LoadedConfig> config = server::LoadBrokerConfig(std::move(properties));
  if (!config.ok()) log::Error("sim", "{}", Message(config.status()));
  DOHLE_CHECK(config.ok());
  return std::move(*config);
}

// As an administrator does before the first start: one cluster id for all.
void Cluster::Format(size_t i) {
  metadata::FormatOptions options;
  options.cluster_id = "c2ltdWxhdGVkY2x1c3RlcgA";
  options.node_id = NodeId(static_cast<int32_t>(i + 1));
  options.log_dirs = {"/data"};
  options.metadata_log_dir = "/data";
  env::Env& env = nodes_[i].node->env();
  const auto formatted = metadata::FormatStorage(env.file_system, env.random, env.clock, options);
  if (!formatted.ok()) log::Error("sim", "{}", Message(formatted.status()));
  DOHLE_CHECK(formatted.ok());
}

void Cluster::Start(size_t i) {
  Member& member = nodes_[i];
  DOHLE_CHECK(member.broker == nullptr);
  if (!member.node->running()) member.node->Restart();
  env::Env& env = member.node->env();
  if (size() > 1 && !std::exchange(member.formatted, true)) Format(i);
  member.broker = std::make_unique<Broker>(env, Config(i), member.node->name());
  member.started.reset();
  member.outcome = std::make_shared<std::optional<Status>>();
  env::Spawn(*env.executors.front(), StartBroker(member.broker.get(), member.outcome));
}

void Cluster::Crash(size_t i, env::SimNode::Death death) {
  Member& member = nodes_[i];
  member.node->Crash(death);
  member.broker.reset();
  member.started.reset();
  member.outcome.reset();
}

void Cluster::Tend() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Member& member = nodes_[i];
    if (member.broker == nullptr || member.started || !member.outcome->has_value()) continue;
    member.started = **member.outcome;
    if (member.started->ok()) continue;
    log::Info("sim", "{} doesn't start: {}", member.node->name(), Message(*member.started));
    Crash(i, env::SimNode::Death::kProcess);
    Start(i);
  }
  if (watch_) watch_();
}

}  // namespace dohle::sim
