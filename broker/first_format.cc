#include "broker/first_format.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "broker/initial_controllers.h"
#include "broker/metadata/format.h"
#include "broker/storage/meta_properties.h"
#include "lib/base/log.h"

namespace dohle {

std::vector<server::ListenerConfig> ControllerEndpoints(const server::BrokerConfig& config,
                                                        const std::string& host_name) {
  if (!config.controller_role) return {};
  std::vector<server::ListenerConfig> endpoints = config.listeners.advertised_controller;
  for (server::ListenerConfig& listener : endpoints) {
    if (listener.endpoint.host.empty()) listener.endpoint.host = host_name;
  }
  if (!endpoints.empty()) return endpoints;
  server::ListenerConfig placeholder;
  placeholder.name = "CONTROLLER";
  placeholder.endpoint = {"localhost", 9093};
  return {placeholder};
}

bool IsQuorumOfOne(const server::BrokerConfig& config, const std::string& host_name) {
  if (!config.controller_role) return false;
  const server::QuorumConfig& quorum = config.quorum;
  if (!quorum.voters.empty()) return quorum.voters.size() == 1 && quorum.voters.front().id == config.node_id;
  if (quorum.bootstrap_servers.empty()) return true;
  if (quorum.bootstrap_servers.size() > 1) return false;
  const env::Endpoint& server = quorum.bootstrap_servers.front();
  const bool local = server.host == "localhost" || server.host == "127.0.0.1" || server.host == "::1";
  const auto own = ControllerEndpoints(config, host_name);
  return std::any_of(own.begin(), own.end(), [&](const server::ListenerConfig& listener) {
    return listener.endpoint.port == server.port && (local || listener.endpoint.host == server.host);
  });
}

namespace {

struct Directories {
  std::vector<std::string> all;
  std::vector<std::string> unformatted;
};

Directories Look(env::FileSystem& file_system, const server::BrokerConfig& config) {
  Directories found;
  found.all = config.logs.log_dirs;
  const std::string& metadata = config.metadata_log.dir;
  if (std::find(found.all.begin(), found.all.end(), metadata) == found.all.end())
    found.all.push_back(metadata);
  for (const std::string& directory : found.all) {
    auto properties = storage::ReadMetaProperties(file_system, directory);
    if (absl::IsNotFound(properties.status())) found.unformatted.push_back(directory);
  }
  return found;
}

// Whether directories may be made beside others that are formatted. Not the metadata directory: its log is
// lost, and a voter that begins again with an empty one may forget what it has voted for.
bool MayBeAdded(const Directories& found, const server::BrokerConfig& config) {
  return std::find(found.unformatted.begin(), found.unformatted.end(), config.metadata_log.dir) ==
         found.unformatted.end();
}

// dohle.initial.controllers; none if this node isn't one of them: it finds them by the bootstrap servers.
StatusOr<raft::VoterSet> FirstVoters(const server::LoadedConfig& loaded) {
  const std::string given = loaded.values.String("dohle.initial.controllers");
  raft::VoterSet voters;
  if (given.empty()) return voters;
  const server::BrokerConfig& config = loaded.config;
  if (!config.quorum.voters.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "dohle.initial.controllers and controller.quorum.voters exclude each other");
  }
  const auto& names = config.listeners.controller_listener_names;
  DOHLE_ASSIGN_OR_RETURN(voters.voters,
                         ParseInitialControllers(given, names.empty() ? "CONTROLLER" : names.front()));
  if (!config.controller_role || voters.Find(config.node_id) == nullptr) voters.voters.clear();
  return voters;
}

StatusOr<int16_t> FirstMetadataVersion(const server::LoadedConfig& loaded) {
  const std::string release = loaded.values.String("dohle.release.version");
  if (release.empty()) return metadata::kLatestMetadataVersion;
  const std::optional<int16_t> level = metadata::MetadataVersionByName(release);
  if (!level) {
    return MakeStatus(StatusCode::kInvalidArgument, "dohle.release.version: there is no metadata.version {}",
                      release);
  }
  return *level;
}

}  // namespace

Status FormatNewDirectories(env::Env& env, const server::LoadedConfig& loaded, const std::string& host_name) {
  const server::BrokerConfig& config = loaded.config;
  const std::string given_id = loaded.values.String("dohle.cluster.id");
  const Directories found = Look(env.file_system, config);
  if (found.unformatted.empty()) return OkStatus();
  const bool all = found.unformatted.size() == found.all.size();
  if (all ? given_id.empty() && !IsQuorumOfOne(config, host_name)
          : given_id.empty() || !MayBeAdded(found, config)) {
    return MakeStatus(
        StatusCode::kFailedPrecondition,
        "{} of {} log directories aren't formatted; run dohle-broker storage format -t CLUSTER_ID with "
        "the same configuration",
        found.unformatted.size(), found.all.size());
  }
  metadata::FormatOptions options;
  options.cluster_id = given_id.empty() ? ToString(env.random.NextUuid()) : given_id;
  options.node_id = config.node_id;
  options.log_dirs = config.logs.log_dirs;
  options.metadata_log_dir = config.metadata_log.dir;
  options.ignore_formatted = !all;  // what is formatted must have the same id then
  DOHLE_ASSIGN_OR_RETURN(options.initial_controllers, FirstVoters(loaded));
  DOHLE_ASSIGN_OR_RETURN(options.metadata_version, FirstMetadataVersion(loaded));
  const bool chosen = !loaded.values.String("dohle.initial.controllers").empty();
  // With controller.quorum.voters the voters aren't in the log; of a quorum of several nobody knows them
  // here.
  if (!chosen && config.quorum.voters.empty() && IsQuorumOfOne(config, host_name)) {
    for (const server::ListenerConfig& listener : ControllerEndpoints(config, host_name)) {
      options.controller_endpoints.push_back({listener.name, listener.endpoint.host, listener.endpoint.port});
    }
  }
  auto formatted = metadata::FormatStorage(env.file_system, env.random, env.clock, options);
  if (!formatted.ok()) return formatted.status();
  log::Info("broker", "formatted {} for the cluster {}", absl::StrJoin(found.unformatted, ", "),
            options.cluster_id);
  return OkStatus();
}

}  // namespace dohle
