#include "broker/storage_command.h"

#include <cstdio>
#include <string>
#include <utility>

#include "broker/first_format.h"
#include "broker/initial_controllers.h"
#include "broker/metadata/format.h"

namespace dohle {
namespace {

// Who votes in the beginning, by the command line and the configuration.
Status ChooseVoters(const CommandLine& line, const server::BrokerConfig& config, const std::string& host_name,
                    metadata::FormatOptions* options) {
  if (!line.initial_controllers.empty()) {
    const auto& names = config.listeners.controller_listener_names;
    DOHLE_ASSIGN_OR_RETURN(
        options->initial_controllers.voters,
        ParseInitialControllers(line.initial_controllers, names.empty() ? "CONTROLLER" : names.front()));
    return OkStatus();
  }
  if (line.no_initial_controllers || !config.controller_role) return OkStatus();
  if (!config.quorum.voters.empty() && !line.standalone) return OkStatus();
  if (!line.standalone && !IsQuorumOfOne(config, host_name)) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "Because controller.quorum.voters is not set on this controller, you must specify one "
                      "of the following: --standalone, --initial-controllers, or --no-initial-controllers.");
  }
  for (const server::ListenerConfig& listener : ControllerEndpoints(config, host_name)) {
    options->controller_endpoints.push_back({listener.name, listener.endpoint.host, listener.endpoint.port});
  }
  return OkStatus();
}

}  // namespace

Status RunStorageFormat(env::Env& env, const CommandLine& line, const server::BrokerConfig& config,
                        const std::string& host_name) {
  metadata::FormatOptions options;
  options.cluster_id = line.cluster_id;
  options.node_id = config.node_id;
  options.log_dirs = config.logs.log_dirs;
  options.metadata_log_dir = config.metadata_log.dir;
  DOHLE_RETURN_IF_ERROR(ChooseVoters(line, config, host_name, &options));
  options.features = line.features;
  options.ignore_formatted = line.ignore_formatted;
  if (line.release_version) {
    const auto level = metadata::MetadataVersionByName(*line.release_version);
    if (!level) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "--release-version {}: there is no such metadata.version", *line.release_version);
    }
    options.metadata_version = *level;
  }
  auto formatted = metadata::FormatStorage(env.file_system, env.random, env.clock, options);
  if (!formatted.ok()) return formatted.status();
  for (const std::string& text : *formatted) std::printf("%s\n", text.c_str());
  return OkStatus();
}

Status RunStorageInfo(env::Env& env, const server::BrokerConfig& config) {
  const metadata::StorageInfo info = metadata::DescribeStorage(env.file_system, config.logs.log_dirs);
  for (const std::string& text : info.lines) std::printf("%s\n", text.c_str());
  if (info.problems.empty()) return OkStatus();
  for (const std::string& problem : info.problems) std::printf("%s\n", problem.c_str());
  return MakeStatus(StatusCode::kFailedPrecondition, "the log directories aren't ready");
}

}  // namespace dohle
