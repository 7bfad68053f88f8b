#include "broker/first_format.h"

#include <algorithm>

#include "absl/strings/str_join.h"
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

Status FormatIfStandalone(env::Env& env, const server::BrokerConfig& config, const std::string& host_name) {
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
  if (!IsQuorumOfOne(config, host_name) || unformatted < directories.size()) {
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
  for (const server::ListenerConfig& listener : ControllerEndpoints(config, host_name)) {
    if (!config.quorum.voters.empty()) break;
    options.controller_endpoints.push_back({listener.name, listener.endpoint.host, listener.endpoint.port});
  }
  auto formatted = metadata::FormatStorage(env.file_system, env.random, env.clock, options);
  if (!formatted.ok()) return formatted.status();
  log::Info("broker", "formatted {} for the new cluster {}", absl::StrJoin(directories, ", "),
            options.cluster_id);
  return OkStatus();
}

}  // namespace dohle
