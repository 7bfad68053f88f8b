#include "broker/broker.h"

#include <algorithm>
#include <utility>

#include "broker/controller/controller.h"
#include "broker/coordinator/group_coordinator.h"
#include "broker/first_format.h"
#include "broker/listeners.h"
#include "broker/metadata/endpoint_of.h"
#include "broker/metadata/metadata_log.h"
#include "broker/part_options.h"
#include "broker/replica/maintenance.h"
#include "broker/replica/replica_fetchers.h"
#include "broker/replica/replica_set.h"
#include "broker/server/admin_endpoint.h"
#include "broker/server/alter_partition_sender.h"
#include "broker/server/broker_metrics_source.h"
#include "broker/server/config/cordoned_log_dirs.h"
#include "broker/server/config_validator.h"
#include "broker/server/controller_channel.h"
#include "broker/server/controller_duties.h"
#include "broker/server/departed_brokers.h"
#include "broker/server/failure_detector.h"
#include "broker/server/fetch_session.h"
#include "broker/server/group_partitions.h"
#include "broker/server/live_config.h"
#include "broker/server/metrics/metrics_scraper.h"
#include "broker/server/metrics/request_metrics_table.h"
#include "broker/server/own_broker_epoch.h"
#include "broker/server/producer_id_allocator.h"
#include "broker/server/registration.h"
#include "broker/server/replication_context.h"
#include "broker/server/services.h"
#include "broker/server/suspected_brokers.h"
#include "broker/server/topic_log_config.h"
#include "broker/server/topic_metrics.h"
#include "broker/storage/log_registry.h"
#include "broker/storage/meta_properties.h"
#include "broker/version.h"
#include "lib/base/log.h"
#include "lib/env/one_shot.h"
#include "lib/env/run_and_wait.h"
#include "lib/env/stop_signal.h"

namespace dohle {
namespace {

// How long a metadata answer is held at most while the quorum finds out about a leader that was lost: a new
// active controller is there by then as well.
constexpr absl::Duration kLostLeaderPatience = absl::Seconds(1);
constexpr absl::Duration kSayAfter = absl::Seconds(2);
constexpr absl::Duration kSayInterval = absl::Seconds(10);

// Says from time to time what is waited for, until it is there.
env::Task<void> SayUntil(std::shared_ptr<env::StopSignal> there, std::string_view what) {
  bool over = co_await there->SleepFor(kSayAfter);
  while (!over) {
    log::Info("broker", "waiting for {}", what);
    over = co_await there->SleepFor(kSayInterval);
  }
}

}  // namespace

// In the order of construction; destroyed in reverse.
struct Broker::Parts {
  Parts(env::Env& environment, server::LoadedConfig config, std::string name)
      : env(environment),
        live_config(std::move(config)),
        departed_brokers(env.clock, absl::Milliseconds(this->config().controller.broker_session_timeout_ms)),
        suspected_brokers(env.clock, kLostLeaderPatience),
        host_name(std::move(name)),
        listeners(env, live_config.started_with(), server_metrics, request_metrics, host_name),
        validator(live_config) {}

  const server::BrokerConfig& config() const { return live_config.started_with().config; }

  env::Task<Status> Start();
  Status ListenForAdmin();
  Status OpenStorage();
  void MakeController();
  void MakeReplicas();
  void MakeFetchers();
  void MakeGroups();
  void MakeServices();
  env::Task<Status> JoinQuorum();
  env::Task<Status> WaitForMetadata();
  env::Task<Status> Register();
  void ServeMetrics();

  env::Task<void> Stop();
  env::Task<Status> CloseLogs();
  // Whether another broker may take over what this one leads.
  bool HasOtherBrokers() const;

  env::Env& env;
  server::LiveConfig live_config;
  server::DepartedBrokers departed_brokers;
  server::SuspectedBrokers suspected_brokers;
  const std::string host_name;
  std::string cluster_id;
  metrics::Registry registry;
  server::ServerMetrics server_metrics{registry};
  server::RequestMetricsTable request_metrics{server_metrics};
  server::TopicMetricsTable topic_metrics{server_metrics};
  server::WaitingRequests waiting;
  std::unique_ptr<server::AdminEndpoint> admin;
  Listeners listeners;
  std::unique_ptr<storage::LogRegistry> logs;
  Uuid incarnation_id;  // of the broker, from before its first metadata on
  std::unique_ptr<metadata::MetadataLog> metadata_log;
  server::ServerConfigValidator validator;
  std::unique_ptr<controller::Controller> controller;
  std::unique_ptr<server::ControllerChannel> channel;
  std::unique_ptr<server::FailureDetector> failures;
  std::unique_ptr<server::ControllerDuties> duties;
  server::OwnBrokerEpoch broker_epoch;
  std::unique_ptr<server::AlterPartitionSender> isr_updates;
  replica::ReplicationContext replication;
  replica::PartitionRegistry partitions;
  std::unique_ptr<replica::ReplicaSet> replicas;
  std::unique_ptr<replica::ReplicaFetchers> fetchers;
  std::unique_ptr<replica::Maintenance> maintenance;
  std::unique_ptr<server::GroupPartitionLog> group_log;
  std::unique_ptr<server::ImageTopicLookup> topic_lookup;
  std::unique_ptr<coordinator::GroupCoordinator> groups;
  std::unique_ptr<server::GroupPublisher> group_publisher;
  std::unique_ptr<server::ProducerIdAllocator> producer_ids;
  std::unique_ptr<server::FetchSessionCache> fetch_sessions;
  std::unique_ptr<server::Services> services;
  std::unique_ptr<server::Registration> registration;
  std::unique_ptr<server::BrokerMetricsSource> metrics_source;
  std::unique_ptr<server::MetricsScraper> scraper;
  std::shared_ptr<env::OneShot<bool>> start_ended;  // while Start is under way, and after it
  bool stopping = false;
  bool stopped = false;
};

Broker::Broker(env::Env& env, server::LoadedConfig config, std::string host_name)
    : parts_(std::make_unique<Parts>(env, std::move(config), std::move(host_name))) {}

Broker::~Broker() = default;

Status Broker::Parts::ListenForAdmin() {
  const server::DohleConfig& own = config().dohle;
  if (own.metrics_port < 0) return OkStatus();
  DOHLE_ASSIGN_OR_RETURN(
      admin, server::AdminEndpoint::Listen(env, {own.metrics_host, static_cast<uint16_t>(own.metrics_port)},
                                           kVersion));
  return OkStatus();
}

Status Broker::Parts::OpenStorage() {
  DOHLE_RETURN_IF_ERROR(FormatNewDirectories(env, live_config.started_with(), host_name));
  DOHLE_ASSIGN_OR_RETURN(logs,
                         storage::LogRegistry::Open(env.file_system, env.random, config().logs.log_dirs));
  DOHLE_ASSIGN_OR_RETURN(const storage::MetaProperties properties,
                         storage::ReadMetaProperties(env.file_system, config().metadata_log.dir));
  if (properties.node_id != config().node_id) {
    return MakeStatus(StatusCode::kFailedPrecondition, "{} belongs to node.id {}, not to {}",
                      config().metadata_log.dir, properties.node_id.value(), config().node_id.value());
  }
  cluster_id = properties.cluster_id;
  metadata::MetadataLogOptions options = ToMetadataLogOptions(config(), listeners.ControllerEndpoints());
  options.file_system = &env.file_system;
  options.clock = &env.clock;
  options.blocking_pool = &env.blocking_pool;
  options.executor = env.executors.front();
  options.transport = &env.transport;
  options.random = &env.random;
  options.cluster_id = cluster_id;
  options.directory_id = properties.directory_id;
  options.metrics = {{&env.clock, server_metrics.log_flush_time_us},
                     server_metrics.controller_queue_time_us,
                     server_metrics.controller_processing_time_us};
  options.on_fatal = [](const Status& status) {
    log::Error("metadata", "the metadata log has failed, nothing can be changed any more: {}",
               Message(status));
  };
  DOHLE_ASSIGN_OR_RETURN(metadata_log, metadata::MetadataLog::Open(std::move(options)));
  return OkStatus();
}

// Made on every node; on one that is a broker only it never becomes active.
void Broker::Parts::MakeController() {
  controller::ControllerConfig options = ToControllerConfig(config(), listeners.ControllerEndpoints());
  options.cluster_id = cluster_id;
  options.incarnation_id = env.random.NextUuid();
  controller = std::make_unique<controller::Controller>(std::move(options), *metadata_log, validator, env);
  channel = std::make_unique<server::ControllerChannel>(
      ToChannelOptions(config()), config().controller_role ? controller.get() : nullptr, env);
  failures = std::make_unique<server::FailureDetector>(
      config().node_id, config().listeners.inter_broker_listener, *controller, metadata_log->cache(), env);
  duties = std::make_unique<server::ControllerDuties>(*controller, *failures, *channel, metadata_log->cache(),
                                                      env);
  isr_updates = std::make_unique<server::AlterPartitionSender>(config().node_id, broker_epoch, *channel, env);
  producer_ids = std::make_unique<server::ProducerIdAllocator>(config().node_id, broker_epoch, *channel);
}

void Broker::Parts::MakeReplicas() {
  replica::ReplicaSetOptions options = ToReplicaSetOptions(config(), env.executors.size());
  replication =
      server::MakeReplicationContext(env, config(), metadata_log->cache(), server_metrics, isr_updates.get());
  options.incarnation_id = incarnation_id;
  options.replication = &replication;
  options.flush_times = {&env.clock, server_metrics.log_flush_time_us};
  options.cordoned = [this] {
    std::vector<std::string> cordoned = config().logs.log_dirs;
    const std::shared_ptr<const server::LoadedConfig> now = live_config.Current();
    std::erase_if(cordoned, [&](const std::string& path) { return !server::IsCordoned(now->config, path); });
    return cordoned;
  };
  replicas = std::make_unique<replica::ReplicaSet>(
      std::move(options), env, *logs, partitions,
      [this](const metadata::MetadataImage& image, std::string_view topic) {
        return server::LogConfigOf(*live_config.Current(), image, topic);
      });
  maintenance = std::make_unique<replica::Maintenance>(ToMaintenanceOptions(config()), *replicas);
}

void Broker::Parts::MakeFetchers() {
  replica::FetcherOptions options = ToFetcherOptions(config());
  options.endpoint_of = [this](NodeId leader) {
    return metadata::EndpointOf(*metadata_log->cache().Current(), leader,
                                config().listeners.inter_broker_listener);
  };
  options.broker_epoch = [this] { return broker_epoch.Get(); };
  options.metadata_version = [this] { return metadata_log->cache().Current()->features.metadata_version(); };
  options.lost_leader = [this](NodeId leader) { suspected_brokers.Lost(leader); };
  options.heard_leader = [this](NodeId leader) { suspected_brokers.Heard(leader); };
  options.write_checkpoints = [this] { return replicas->WriteCheckpoints(); };
  replica::FetcherCounters counters;
  counters.bytes = server_metrics.replication_bytes_in;
  fetchers = std::make_unique<replica::ReplicaFetchers>(std::move(options), env, counters,
                                                        &replicas->follower_quota());
  replicas->SetFetchers(fetchers.get());
}

void Broker::Parts::MakeGroups() {
  group_log =
      std::make_unique<server::GroupPartitionLog>(partitions, topic_metrics, env.clock, env.blocking_pool);
  topic_lookup = std::make_unique<server::ImageTopicLookup>(metadata_log->cache());
  groups = std::make_unique<coordinator::GroupCoordinator>(
      ToGroupConfig(config()),
      coordinator::GroupCoordinator::Parts{env.clock, env.random, env.blocking_pool, *group_log,
                                           *topic_lookup, env.executors});
  group_publisher = std::make_unique<server::GroupPublisher>(config().node_id, incarnation_id, *groups);
}

void Broker::Parts::MakeServices() {
  incarnation_id = logs->unheard_incarnation();
  if (incarnation_id.is_zero()) incarnation_id = env.random.NextUuid();
  MakeController();
  MakeReplicas();
  MakeFetchers();
  MakeGroups();
  fetch_sessions = std::make_unique<server::FetchSessionCache>(
      static_cast<size_t>(config().network.max_incremental_fetch_session_cache_slots), env.clock, env.random,
      server_metrics.fetch_session_evictions);
  services = std::make_unique<server::Services>(
      server::Services{env,
                       config().node_id,
                       cluster_id,
                       config(),
                       live_config,
                       server::RequestLimits{config().network.fetch_max_bytes},
                       metadata_log->cache(),
                       *metadata_log,
                       *controller,
                       *channel,
                       *failures,
                       departed_brokers,
                       suspected_brokers,
                       partitions,
                       *replicas,
                       *groups,
                       *producer_ids,
                       *fetch_sessions,
                       server_metrics,
                       topic_metrics,
                       waiting});
}

env::Task<Status> Broker::Parts::JoinQuorum() {
  // First: from when on a broker is fenced in the metadata, it is to be known that it just left.
  metadata_log->AddPublisher(&departed_brokers);
  metadata_log->AddPublisher(&suspected_brokers);
  metadata_log->AddPublisher(&live_config);
  if (config().broker_role) {
    metadata_log->AddPublisher(replicas.get());
    metadata_log->AddPublisher(group_publisher.get());
  }
  if (config().controller_role) {
    metadata_log->AddPublisher(duties.get());
    metadata_log->AddQuorumListener(duties.get());
  }
  metadata_log->AddQuorumListener(channel.get());
  // Votes must get through before there is a leader.
  listeners.ServeControllers(*services);
  co_return co_await metadata_log->Start();
}

env::Task<Status> Broker::Parts::WaitForMetadata() {
  const auto there = std::make_shared<env::StopSignal>();
  env::Spawn(*env.executors.front(), SayUntil(there, "the leader of the metadata quorum"));
  Status caught_up = co_await metadata_log->WaitUntilCaughtUp();
  there->Stop();
  if (caught_up.ok() && metadata_log->leader()->is_local) co_return duties->activated();
  co_return caught_up;
}

env::Task<Status> Broker::Parts::Register() {
  server::RegistrationOptions options;
  options.node_id = config().node_id;
  options.cluster_id = cluster_id;
  options.rack = config().rack;
  options.endpoints = listeners.BrokerEndpoints();
  options.previous_broker_epoch = logs->previous_broker_epoch();
  options.incarnation_id = incarnation_id;
  for (const auto& directory : logs->directories()) {
    options.log_dirs.push_back(directory->properties().directory_id);
  }
  options.cordoned_log_dirs = [this] {
    const std::shared_ptr<const server::LoadedConfig> now = live_config.Current();
    std::vector<DirectoryId> cordoned;
    for (const auto& directory : logs->directories()) {
      if (server::IsCordoned(now->config, directory->path()))
        cordoned.push_back(directory->properties().directory_id);
    }
    return cordoned;
  };
  options.heartbeat_interval = absl::Milliseconds(config().controller.broker_heartbeat_interval_ms);
  options.registration_timeout =
      absl::Milliseconds(config().controller.initial_broker_registration_timeout_ms);
  options.replicas = replicas.get();
  registration =
      std::make_unique<server::Registration>(std::move(options), broker_epoch, *channel, *metadata_log, env);
  Status registered = co_await registration->Register();
  if (registered.ok()) registration->StartHeartbeats();
  co_return registered;
}

void Broker::Parts::ServeMetrics() {
  if (admin == nullptr) return;
  metrics_source = std::make_unique<server::BrokerMetricsSource>(*services, listeners.servers(),
                                                                 [this] { return replicas->CheckHealth(); });
  scraper = std::make_unique<server::MetricsScraper>(env, registry, *metrics_source);
  admin->Ready(scraper.get());
}

env::Task<Status> Broker::Parts::Start() {
  // First of all: whether it is ready is asked while it recovers.
  DOHLE_CO_RETURN_IF_ERROR(ListenForAdmin());
  DOHLE_CO_RETURN_IF_ERROR(listeners.BindControllers());
  auto open = [this] { return OpenStorage(); };
  Status status = co_await env::RunBlocking<Status>(env.blocking_pool, open);
  if (!status.ok()) co_return status;
  MakeServices();
  status = co_await JoinQuorum();
  if (!status.ok()) co_return status;
  if (config().broker_role) {
    status = co_await WaitForMetadata();
    if (!status.ok()) co_return status;
    DOHLE_CO_RETURN_IF_ERROR(listeners.BindBrokers());
    status = co_await Register();
    if (!status.ok()) co_return status;
    maintenance->Start(*env.executors.front());
    listeners.ServeBrokers(*services);
  }
  ServeMetrics();
  co_return OkStatus();
}

env::Task<Status> Broker::Start() {
  Parts& parts = *parts_;
  const auto ended = parts.start_ended = std::make_shared<env::OneShot<bool>>();
  Status started = co_await parts.Start();
  if (started.ok() && parts.stopping) started = MakeStatus(StatusCode::kCancelled, "stopped while starting");
  ended->Set(true);
  co_return started;
}

bool Broker::Parts::HasOtherBrokers() const {
  const metadata::ImagePtr image = metadata_log->cache().Current();
  for (const auto& [id, broker] : image->cluster.brokers) {
    if (id != config().node_id && broker.active()) return true;
  }
  return false;
}

// Who hasn't registered has taken nothing in: it ends as clean as it came. Else a broker that is stopped
// while it waits for a controller would count as one that may have forgotten something (KIP-966). What it has
// asked for may have been taken without its hearing of it: the next one goes on under its incarnation.
env::Task<Status> Broker::Parts::CloseLogs() {
  if (replicas != nullptr && registration != nullptr) {
    const BrokerEpoch epoch = broker_epoch.Get();
    if (epoch > BrokerEpoch(-1)) co_return co_await replicas->ShutDown(epoch);
    co_return co_await replicas->ShutDown(logs->previous_broker_epoch(), registration->incarnation_id());
  }
  if (logs == nullptr) co_return OkStatus();
  auto mark = [this]() -> Status {
    for (const auto& directory : logs->directories()) {
      if (directory->offline() || !directory->clean_shutdown()) continue;
      DOHLE_RETURN_IF_ERROR(
          directory->MarkCleanShutdown(directory->previous_broker_epoch(), directory->unheard_incarnation()));
    }
    return OkStatus();
  };
  co_return co_await env::RunBlocking<Status>(env.blocking_pool, mark);
}

env::Task<void> Broker::Parts::Stop() {
  if (admin != nullptr) admin->NotReady();
  stopping = true;
  if (start_ended != nullptr && !start_ended->settled()) {
    // It waits for the quorum, or for a controller, if for anything.
    if (registration != nullptr) co_await registration->Stop();
    if (channel != nullptr) channel->Stop();
    if (metadata_log != nullptr) (void)co_await metadata_log->Stop();
    co_await start_ended->WaitForever();
  }
  // What this broker leads moves while it still serves; if there is nobody to move it to, it just ends.
  if (registration != nullptr && HasOtherBrokers()) co_await registration->Stop();
  co_await listeners.StopBrokers();
  if (maintenance != nullptr) co_await maintenance->Stop();
  if (registration != nullptr) co_await registration->Stop();
  if (isr_updates != nullptr) isr_updates->Stop();
  if (duties != nullptr) duties->Stop();
  if (channel != nullptr) channel->Stop();
  if (metadata_log != nullptr) {
    Status closed = co_await metadata_log->Stop();
    if (!closed.ok()) log::Error("broker", "the metadata log: {}", Message(closed));
  }
  co_await listeners.StopControllers();
  if (fetchers != nullptr) co_await fetchers->Stop();
  Status closed = co_await CloseLogs();
  if (!closed.ok()) log::Error("broker", "the logs weren't closed cleanly: {}", Message(closed));
  if (admin != nullptr) admin->Stop();
}

void Broker::Stop() {
  if (std::exchange(parts_->stopped, true)) return;
  env::RunAndWait(*parts_->env.executors.front(), parts_->Stop());
}

env::Task<void> Broker::StopFromWithin() {
  Parts& parts = *parts_;
  if (std::exchange(parts.stopped, true)) co_return;
  co_await parts.Stop();
}

std::vector<std::string> Broker::ListenerTexts() const { return parts_->listeners.Texts(); }

std::string Broker::MetricsText() const {
  return parts_->admin == nullptr ? "" : parts_->admin->metrics_url();
}

}  // namespace dohle
