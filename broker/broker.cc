#include "broker/broker.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_join.h"

#include "broker/controller/controller.h"
#include "broker/coordinator/group_coordinator.h"
#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/replica/maintenance.h"
#include "broker/replica/replica_set.h"
#include "broker/server/admin_endpoint.h"
#include "broker/server/broker_metrics_source.h"
#include "broker/server/config_validator.h"
#include "broker/server/fetch_session.h"
#include "broker/server/group_partitions.h"
#include "broker/server/handlers/all.h"
#include "broker/server/kafka_server.h"
#include "broker/server/live_config.h"
#include "broker/server/metrics/metrics_scraper.h"
#include "broker/server/metrics/request_metrics_table.h"
#include "broker/server/producer_id_allocator.h"
#include "broker/server/registration.h"
#include "broker/server/replication_context.h"
#include "broker/server/services.h"
#include "broker/server/topic_log_config.h"
#include "broker/server/topic_metrics.h"
#include "broker/storage/log_registry.h"
#include "broker/storage/meta_properties.h"
#include "lib/base/log.h"
#include "lib/env/run_and_wait.h"

namespace dohle {
namespace {

coordinator::GroupConfig ToGroupConfig(const server::BrokerConfig& config) {
  coordinator::GroupConfig groups;
  groups.offsets_topic_num_partitions = config.groups.offsets_topic.num_partitions;
  groups.offset_metadata_max_bytes = config.groups.offset_metadata_max_bytes;
  groups.offsets_retention_minutes = config.groups.offsets_retention_minutes;
  groups.offsets_retention_check_interval_ms = config.groups.offsets_retention_check_interval_ms;
  groups.offsets_commit_timeout_ms = config.groups.offsets_commit_timeout_ms;
  groups.group_min_session_timeout_ms = config.groups.min_session_timeout_ms;
  groups.group_max_session_timeout_ms = config.groups.max_session_timeout_ms;
  groups.group_initial_rebalance_delay_ms = config.groups.initial_rebalance_delay_ms;
  groups.group_max_size = config.groups.max_size;
  return groups;
}

metadata::MetadataLogConfig ToMetadataLogConfig(const server::MetadataLogConfig& config) {
  metadata::MetadataLogConfig log;
  log.segment_bytes = config.segment_bytes;
  log.segment_ms = config.segment_ms;
  log.max_record_bytes_between_snapshots = config.max_record_bytes_between_snapshots;
  log.max_snapshot_interval_ms = config.max_snapshot_interval_ms;
  log.max_retention_bytes = config.max_retention_bytes;
  log.max_retention_ms = config.max_retention_ms;
  log.max_idle_interval_ms = config.max_idle_interval_ms;
  return log;
}

std::vector<metadata::ListenerEndpoint> ToEndpoints(const std::vector<server::ListenerConfig>& listeners) {
  std::vector<metadata::ListenerEndpoint> endpoints;
  for (const server::ListenerConfig& listener : listeners) {
    endpoints.push_back({listener.name, listener.endpoint.host, listener.endpoint.port,
                         static_cast<int16_t>(listener.protocol)});
  }
  return endpoints;
}

}  // namespace

std::vector<server::ListenerConfig> ControllerEndpoints(const server::BrokerConfig& config) {
  if (!config.listeners.advertised_controller.empty()) return config.listeners.advertised_controller;
  server::ListenerConfig placeholder;
  placeholder.name = "CONTROLLER";
  placeholder.endpoint = {"localhost", 9093};
  return {placeholder};
}

bool IsQuorumOfOne(const server::BrokerConfig& config) {
  if (!config.controller_role) return false;
  const auto is_ours = [&](const env::Endpoint& endpoint) {
    const auto& own = config.listeners.advertised_controller;
    return std::any_of(own.begin(), own.end(), [&](const server::ListenerConfig& listener) {
      return listener.endpoint.port == endpoint.port &&
             (listener.endpoint.host.empty() || listener.endpoint.host == endpoint.host);
    });
  };
  const server::QuorumConfig& quorum = config.quorum;
  if (!quorum.voters.empty()) return quorum.voters.size() == 1 && quorum.voters.front().id == config.node_id;
  return std::all_of(quorum.bootstrap_servers.begin(), quorum.bootstrap_servers.end(), is_ours);
}

Status FormatIfStandalone(env::Env& env, const server::BrokerConfig& config) {
  std::vector<std::string> directories = config.logs.log_dirs;
  if (std::find(directories.begin(), directories.end(), config.metadata_log.dir) == directories.end()) {
    directories.push_back(config.metadata_log.dir);
  }
  size_t unformatted = 0;
  for (const std::string& directory : directories) {
    auto found = storage::ReadMetaProperties(env.file_system, directory);
    if (absl::IsNotFound(found.status())) ++unformatted;
  }
  if (unformatted == 0) return OkStatus();
  if (!IsQuorumOfOne(config) || unformatted < directories.size()) {
    return MakeStatus(
        StatusCode::kFailedPrecondition,
        "{} of {} log directories aren't formatted; run dohle-broker storage format -t CLUSTER_ID with "
        "the same configuration",
        unformatted, directories.size());
  }
  metadata::FormatOptions options;
  options.cluster_id = ToString(env.random.NextUuid());
  options.node_id = config.node_id;
  options.log_dirs = config.logs.log_dirs;
  options.metadata_log_dir = config.metadata_log.dir;
  // With controller.quorum.voters the voters aren't in the log.
  for (const server::ListenerConfig& listener : ControllerEndpoints(config)) {
    if (!config.quorum.voters.empty()) break;
    options.controller_endpoints.push_back({listener.name, listener.endpoint.host, listener.endpoint.port});
  }
  auto formatted = metadata::FormatStorage(env.file_system, env.random, env.clock, options);
  if (!formatted.ok()) return formatted.status();
  log::Info("broker", "formatted {} for the new cluster {}", absl::StrJoin(directories, ", "),
            options.cluster_id);
  return OkStatus();
}

// In the order of construction; destroyed in reverse.
struct Broker::Parts {
  Parts(env::Env& environment, server::LoadedConfig config, std::string name)
      : env(environment),
        live_config(std::move(config)),
        host_name(std::move(name)),
        validator(live_config) {}

  Status ListenForAdmin();
  const server::BrokerConfig& config() const { return live_config.started_with().config; }

  Status OpenStorage();
  env::Task<Status> StartQuorum();
  void MakeServices();
  Status StartListeners();
  env::Task<Status> Register();
  env::Task<void> Stop();
  std::vector<metadata::ListenerEndpoint> AdvertisedEndpoints() const;

  env::Env& env;
  server::LiveConfig live_config;
  const std::string host_name;
  std::string cluster_id;
  metrics::Registry registry;
  server::ServerMetrics server_metrics{registry};
  server::RequestMetricsTable request_metrics{server_metrics};
  server::TopicMetricsTable topic_metrics{server_metrics};
  server::WaitingRequests waiting;
  std::unique_ptr<server::AdminEndpoint> admin;
  std::unique_ptr<storage::LogRegistry> logs;
  std::unique_ptr<metadata::MetadataLog> metadata_log;
  server::ServerConfigValidator validator;
  std::unique_ptr<controller::Controller> controller;
  replica::ReplicationContext replication;
  replica::PartitionRegistry partitions;
  std::unique_ptr<replica::ReplicaSet> replicas;
  std::unique_ptr<replica::Maintenance> maintenance;
  std::unique_ptr<server::GroupPartitionLog> group_log;
  std::unique_ptr<server::ImageTopicLookup> topic_lookup;
  std::unique_ptr<coordinator::GroupCoordinator> groups;
  std::unique_ptr<server::GroupPublisher> group_publisher;
  std::unique_ptr<server::ProducerIdAllocator> producer_ids;
  std::unique_ptr<server::FetchSessionCache> fetch_sessions;
  std::unique_ptr<server::Services> services;
  std::unique_ptr<server::Dispatcher> dispatcher;
  std::unique_ptr<server::KafkaServer> server;
  std::unique_ptr<server::Registration> registration;
  std::unique_ptr<server::BrokerMetricsSource> metrics_source;
  std::unique_ptr<server::MetricsScraper> scraper;
  bool stopped = false;
};

Broker::Broker(env::Env& env, server::LoadedConfig config, std::string host_name)
    : parts_(std::make_unique<Parts>(env, std::move(config), std::move(host_name))) {}

Broker::~Broker() = default;

Status Broker::Parts::ListenForAdmin() {
  const server::DohleConfig& own = config().dohle;
  if (own.metrics_port < 0) return OkStatus();
  DOHLE_ASSIGN_OR_RETURN(
      admin, server::AdminEndpoint::Listen(env, {own.metrics_host, static_cast<uint16_t>(own.metrics_port)}));
  return OkStatus();
}

Status Broker::Parts::OpenStorage() {
  DOHLE_RETURN_IF_ERROR(FormatIfStandalone(env, config()));
  DOHLE_ASSIGN_OR_RETURN(logs,
                         storage::LogRegistry::Open(env.file_system, env.random, config().logs.log_dirs));
  DOHLE_ASSIGN_OR_RETURN(const storage::MetaProperties properties,
                         storage::ReadMetaProperties(env.file_system, config().metadata_log.dir));
  if (properties.node_id != config().node_id) {
    return MakeStatus(StatusCode::kFailedPrecondition, "{} belongs to node.id {}, not to {}",
                      config().metadata_log.dir, properties.node_id.value(), config().node_id.value());
  }
  cluster_id = properties.cluster_id;
  metadata::MetadataLogOptions options;
  options.file_system = &env.file_system;
  options.clock = &env.clock;
  options.blocking_pool = &env.blocking_pool;
  options.executor = env.executors.front();
  options.log_dir = config().metadata_log.dir;
  options.node_id = config().node_id;
  options.directory_id = properties.directory_id;
  for (const server::QuorumVoter& voter : config().quorum.voters) {
    raft::Voter one;
    one.key.id = voter.id;
    one.endpoints.push_back({"CONTROLLER", voter.endpoint.host, voter.endpoint.port});
    options.static_voters.voters.push_back(std::move(one));
  }
  options.config = ToMetadataLogConfig(config().metadata_log);
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

void Broker::Parts::MakeServices() {
  replica::ReplicaSetOptions replica_options;
  replica_options.node_id = config().node_id;
  replica_options.recovery_threads =
      std::max(config().logs.num_recovery_threads_per_data_dir, static_cast<int32_t>(env.executors.size()));
  replication = server::MakeReplicationContext(env, config(), metadata_log->cache(), server_metrics);
  replica_options.replication = &replication;
  replica_options.flush_times = {&env.clock, server_metrics.log_flush_time_us};
  const int64_t cleaners = std::max<int64_t>(1, config().logs.log_cleaner_threads);
  replica_options.cleaner_memory_bytes =
      static_cast<uint64_t>(config().logs.log_cleaner_dedupe_buffer_size / cleaners);
  replicas = std::make_unique<replica::ReplicaSet>(
      replica_options, env, *logs, partitions,
      [this](const metadata::MetadataImage& image, std::string_view topic) {
        return server::LogConfigOf(*live_config.Current(), image, topic);
      });
  replica::MaintenanceOptions maintenance_options;
  maintenance_options.retention_check_interval =
      absl::Milliseconds(config().logs.log_retention_check_interval_ms);
  maintenance_options.checkpoint_interval =
      absl::Milliseconds(config().logs.log_flush_offset_checkpoint_interval_ms);
  maintenance_options.initial_delay = absl::Milliseconds(config().logs.log_initial_task_delay_ms);
  maintenance_options.follower_check_interval =
      absl::Milliseconds(config().replication.replica_lag_time_max_ms) / 2;
  maintenance_options.clean_logs = config().logs.log_cleaner_enable;
  maintenance_options.cleaning_interval = absl::Milliseconds(config().logs.log_cleaner_backoff_ms);
  maintenance = std::make_unique<replica::Maintenance>(maintenance_options, *replicas);
  group_log =
      std::make_unique<server::GroupPartitionLog>(partitions, topic_metrics, env.clock, env.blocking_pool);
  topic_lookup = std::make_unique<server::ImageTopicLookup>(metadata_log->cache());
  groups = std::make_unique<coordinator::GroupCoordinator>(
      ToGroupConfig(config()),
      coordinator::GroupCoordinator::Parts{env.clock, env.random, env.blocking_pool, *group_log,
                                           *topic_lookup, env.executors});
  group_publisher = std::make_unique<server::GroupPublisher>(config().node_id, *groups);
  fetch_sessions = std::make_unique<server::FetchSessionCache>(
      static_cast<size_t>(config().network.max_incremental_fetch_session_cache_slots), env.clock, env.random,
      server_metrics.fetch_session_evictions);
}

env::Task<Status> Broker::Parts::StartQuorum() {
  controller::ControllerConfig options;
  options.node_id = config().node_id;
  options.cluster_id = cluster_id;
  options.log_dir = config().metadata_log.dir;
  options.default_num_partitions = config().num_partitions;
  options.default_replication_factor = static_cast<int16_t>(config().default_replication_factor);
  options.default_min_insync_replicas = config().topic_defaults.min_insync_replicas;
  options.session_timeout_ms = config().controller.broker_session_timeout_ms;
  options.unclean_leader_election = config().topic_defaults.unclean_leader_election_enable;
  options.incarnation_id = env.random.NextUuid();
  options.endpoints = ToEndpoints(ControllerEndpoints(config()));
  controller = std::make_unique<controller::Controller>(options, *metadata_log, validator, env);
  producer_ids = std::make_unique<server::ProducerIdAllocator>(config().node_id, *controller);
  metadata_log->AddPublisher(&live_config);
  metadata_log->AddPublisher(replicas.get());
  metadata_log->AddPublisher(group_publisher.get());
  Status started = co_await metadata_log->Start();
  if (!started.ok()) co_return started;
  co_return co_await controller->Activate();
}

Status Broker::Parts::StartListeners() {
  services = std::make_unique<server::Services>(
      server::Services{env, config().node_id, cluster_id, config(), live_config,
                       server::RequestLimits{config().network.fetch_max_bytes}, metadata_log->cache(),
                       *metadata_log, *controller, partitions, *replicas, *groups, *producer_ids,
                       *fetch_sessions, server_metrics, topic_metrics, waiting});
  dispatcher = std::make_unique<server::Dispatcher>(server::ServedApis(), &request_metrics);
  services->dispatcher = dispatcher.get();
  server::KafkaServerOptions options;
  for (const server::ListenerConfig& listener : config().listeners.broker) {
    options.listeners.push_back({listener.name, listener.endpoint});
  }
  options.max_frame_bytes = static_cast<size_t>(config().network.socket_request_max_bytes);
  options.send_buffer_bytes = live_config.started_with().values.Int32("socket.send.buffer.bytes");
  options.receive_buffer_bytes = live_config.started_with().values.Int32("socket.receive.buffer.bytes");
  options.max_connections = config().network.max_connections;
  options.max_idle_time = absl::Milliseconds(config().network.connections_max_idle_ms);
  options.metrics = &server_metrics;
  server = std::make_unique<server::KafkaServer>(env, *services, *dispatcher, std::move(options));
  return server->Start();
}

std::vector<metadata::ListenerEndpoint> Broker::Parts::AdvertisedEndpoints() const {
  std::map<std::string, uint16_t> bound;
  for (const server::ListenerOptions& local : server->local_listeners())
    bound[local.name] = local.endpoint.port;
  std::vector<metadata::ListenerEndpoint> endpoints = ToEndpoints(config().listeners.advertised);
  for (metadata::ListenerEndpoint& endpoint : endpoints) {
    if (endpoint.host.empty()) endpoint.host = host_name;
    if (endpoint.port == 0) endpoint.port = bound[endpoint.name];
  }
  return endpoints;
}

env::Task<Status> Broker::Parts::Register() {
  server::RegistrationOptions options;
  options.node_id = config().node_id;
  options.cluster_id = cluster_id;
  options.rack = config().rack;
  options.endpoints = AdvertisedEndpoints();
  options.previous_broker_epoch = logs->previous_broker_epoch();
  for (const auto& directory : logs->directories()) {
    options.log_dirs.push_back(directory->properties().directory_id);
  }
  options.heartbeat_interval = absl::Milliseconds(config().controller.broker_heartbeat_interval_ms);
  options.replicas = replicas.get();
  registration = std::make_unique<server::Registration>(std::move(options), *controller, *metadata_log, env);
  Status registered = co_await registration->Register();
  if (!registered.ok()) co_return registered;
  producer_ids->SetBrokerEpoch(registration->broker_epoch());
  registration->StartHeartbeats();
  co_return OkStatus();
}

env::Task<Status> Broker::Start() {
  Parts& parts = *parts_;
  // First of all: whether it is ready is asked while it recovers.
  DOHLE_CO_RETURN_IF_ERROR(parts.ListenForAdmin());
  auto open = [&parts] { return parts.OpenStorage(); };
  Status opened = co_await env::RunBlocking<Status>(parts.env.blocking_pool, open);
  if (!opened.ok()) co_return opened;
  parts.MakeServices();
  Status quorum = co_await parts.StartQuorum();
  if (!quorum.ok()) co_return quorum;
  DOHLE_CO_RETURN_IF_ERROR(parts.StartListeners());
  Status registered = co_await parts.Register();
  if (!registered.ok()) co_return registered;
  parts.maintenance->Start(*parts.env.executors.front());
  parts.server->Serve();
  if (parts.admin != nullptr) {
    parts.metrics_source = std::make_unique<server::BrokerMetricsSource>(
        *parts.services, parts.server.get(), [&parts] { return parts.replicas->CheckHealth(); });
    parts.scraper =
        std::make_unique<server::MetricsScraper>(parts.env, parts.registry, *parts.metrics_source);
    parts.admin->Ready(parts.scraper.get());
  }
  co_return OkStatus();
}

Status Broker::StartAndWait() { return env::RunAndWait(*parts_->env.executors.front(), Start()); }

env::Task<void> Broker::Parts::Stop() {
  if (admin != nullptr) admin->NotReady();
  if (server != nullptr) co_await server->Stop();
  if (maintenance != nullptr) co_await maintenance->Stop();
  if (registration != nullptr) co_await registration->Stop();
  if (metadata_log != nullptr) {
    Status closed = co_await metadata_log->Stop();
    if (!closed.ok()) log::Error("broker", "the metadata log: {}", Message(closed));
  }
  if (replicas != nullptr && registration != nullptr) {
    Status closed = co_await replicas->ShutDown(registration->broker_epoch());
    if (!closed.ok()) log::Error("broker", "the logs weren't closed cleanly: {}", Message(closed));
  }
  if (admin != nullptr) admin->Stop();
}

void Broker::Stop() {
  if (std::exchange(parts_->stopped, true)) return;
  env::RunAndWait(*parts_->env.executors.front(), parts_->Stop());
}

std::vector<std::string> Broker::ListenerTexts() const {
  std::vector<std::string> texts;
  for (const server::ListenerOptions& listener : parts_->server->local_listeners()) {
    texts.push_back(fmt::format("{}://{}", listener.name, ToString(listener.endpoint)));
  }
  return texts;
}

std::string Broker::MetricsText() const {
  return parts_->admin == nullptr ? "" : parts_->admin->metrics_url();
}

}  // namespace dohle
