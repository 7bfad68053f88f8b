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

constexpr uint16_t kControllerPort = 9093;

env::Task<void> StopBroker(Broker* broker, std::shared_ptr<bool> over) {
  co_await broker->StopFromWithin();
  *over = true;
}

// Of the disk that the node began with.
DirectoryId FirstDirectory(size_t i) { return DirectoryId(0x51u, 0x1000u + i); }

env::Task<void> StartBroker(Broker* broker, std::shared_ptr<std::optional<Status>> outcome) {
  outcome->emplace(co_await broker->Start());
}

}  // namespace

Cluster::Cluster(env::SimWorld& world, ClusterOptions options) : world_(world), options_(options) {
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

size_t Cluster::controllers() const {
  const auto some = static_cast<size_t>(options_.controllers);
  return some == 0 ? size() : std::min(some, size());
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
  config["process.roles"] = is_controller(i) ? "broker,controller" : "broker";
  config["listeners"] = fmt::format("PLAINTEXT://:9092{}", is_controller(i) ? ",CONTROLLER://:9093" : "");
  config["advertised.listeners"] =
      fmt::format("PLAINTEXT://{0}:9092{1}", host(i),
                  is_controller(i) ? fmt::format(",CONTROLLER://{}:{}", host(i), kControllerPort) : "");
  config["controller.listener.names"] = "CONTROLLER";
  config["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT";
  std::vector<std::string> quorum;
  for (size_t n = 0; n < controllers(); ++n) {
    const std::string endpoint = fmt::format("{}:{}", host(n), kControllerPort);
    quorum.push_back(options_.dynamic_quorum ? endpoint : fmt::format("{}@{}", n + 1, endpoint));
  }
  config[options_.dynamic_quorum ? "controller.quorum.bootstrap.servers" : "controller.quorum.voters"] =
      absl::StrJoin(quorum, ",");
  const size_t replicas = std::min<size_t>(3, size());
  config["default.replication.factor"] = fmt::format("{}", replicas);
  config["offsets.topic.replication.factor"] = fmt::format("{}", replicas);
  config["min.insync.replicas"] = "2";
  config["replica.lag.time.max.ms"] = "5000";
  if (options_.small_fetches) config["replica.fetch.response.max.bytes"] = "300";
  if (!options_.patient) return;
  config["replica.fetch.wait.max.ms"] = "3000";
  config["metadata.max.idle.interval.ms"] = "5000";
}

server::LoadedConfig Cluster::Config(size_t i) {
  // Read once: nodes start more often here than anywhere else.
  std::optional<server::LoadedConfig>& known = nodes_[i].config;
  if (!known) known = ReadConfig(i);
  return *known;
}

server::LoadedConfig Cluster::ReadConfig(size_t i) const {
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
  properties["log.segment.delete.delay.ms"] = "1000";
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
  if (options_.dynamic_quorum && is_controller(i) && nodes_[i].disks_lost == 0) {
    for (size_t n = 0; n < controllers(); ++n) {
      const NodeId id(static_cast<int32_t>(n + 1));
      options.initial_controllers.voters.push_back(
          {{id, FirstDirectory(n)}, {{"CONTROLLER", host(n), kControllerPort}}, 0, 1});
    }
  }
  env::Env& env = nodes_[i].node->env();
  const auto formatted = metadata::FormatStorage(env.file_system, env.random, env.clock, options);
  if (!formatted.ok()) log::Error("sim", "{}", Message(formatted.status()));
  DOHLE_CHECK(formatted.ok());
}

void Cluster::Start(size_t i) {
  Member& member = nodes_[i];
  DOHLE_CHECK(member.broker == nullptr);
  if (member.condemned) LoseDisk(i);
  if (!member.node->running()) member.node->Restart();
  env::Env& env = member.node->env();
  if (size() > 1 && !std::exchange(member.formatted, true)) Format(i);
  member.broker = std::make_unique<Broker>(env, Config(i), member.node->name());
  member.start_at.reset();
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
  member.stop.reset();
  member.start_at.reset();
}

void Cluster::RestartCleanly(size_t i, absl::Duration down) {
  Member& member = nodes_[i];
  if (member.broker == nullptr || member.stop) return;
  member.stop = Stop{std::make_shared<bool>(false), world_.now(), down};
  env::Spawn(*member.node->env().executors.front(), StopBroker(member.broker.get(), member.stop->over));
}

void Cluster::CondemnDisk(size_t i) {
  DOHLE_CHECK(replaceable(i));
  nodes_[i].condemned = true;
}

bool Cluster::AnyDiskCondemned() const { return std::ranges::any_of(nodes_, &Member::condemned); }

void Cluster::LoseDisk(size_t i) {
  Member& member = nodes_[i];
  member.node->disk().Replace();
  member.condemned = false;
  member.formatted = false;
  ++member.disks_lost;
}

void Cluster::TendOne(size_t i) {
  Member& member = nodes_[i];
  if (member.stop) {
    longest_stop_ = std::max(longest_stop_, world_.now() - member.stop->asked_at);
    if (!*member.stop->over) return;
    const absl::Duration down = member.stop->down;
    Crash(i, env::SimNode::Death::kProcess);
    member.start_at = world_.now() + down;
  }
  if (member.start_at && world_.now() >= *member.start_at) Start(i);
  if (member.broker == nullptr || member.started || !member.outcome->has_value()) return;
  member.started = **member.outcome;
  if (member.started->ok()) return;
  log::Info("sim", "{} doesn't start: {}", member.node->name(), Message(*member.started));
  Crash(i, env::SimNode::Death::kProcess);
  Start(i);
}

void Cluster::Tend() {
  for (size_t i = 0; i < nodes_.size(); ++i) TendOne(i);
  if (watch_) watch_();
}

}  // namespace dohle::sim
