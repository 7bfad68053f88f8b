#include "broker/storage_command.h"

#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "broker/first_format.h"
#include "broker/metadata/format.h"

namespace dohle {

namespace {

StatusOr<int> ParseNumber(std::string_view text, std::string_view what, int most) {
  int number = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end && number >= 0 && number <= most) return number;
  return MakeStatus(StatusCode::kInvalidArgument, "--initial-controllers: {} is no {}", text, what);
}

// "1@host:9093:directory-id"; the host may be an IPv6 address in brackets.
StatusOr<raft::Voter> ParseVoter(std::string_view text, const std::string& listener) {
  const size_t at = text.find('@');
  const size_t last = text.rfind(':');
  const size_t before = last == std::string_view::npos || last == 0 ? last : text.rfind(':', last - 1);
  if (at == std::string_view::npos || before == std::string_view::npos || before <= at + 1) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "--initial-controllers: {} hasn't the form ID@HOST:PORT:DIRECTORY_ID", text);
  }
  DOHLE_ASSIGN_OR_RETURN(const int id, ParseNumber(text.substr(0, at), "node id", INT32_MAX));
  DOHLE_ASSIGN_OR_RETURN(const int port,
                         ParseNumber(text.substr(before + 1, last - before - 1), "port", UINT16_MAX));
  const std::optional<Uuid> directory = Uuid::Parse(text.substr(last + 1));
  if (!directory) {
    return MakeStatus(StatusCode::kInvalidArgument, "--initial-controllers: {} is no directory id",
                      text.substr(last + 1));
  }
  std::string_view host = text.substr(at + 1, before - at - 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  raft::Voter voter;
  voter.key = {NodeId(id), *directory};
  voter.endpoints.push_back({listener, std::string(host), static_cast<uint16_t>(port)});
  return voter;
}

}  // namespace

StatusOr<std::vector<raft::Voter>> ParseInitialControllers(std::string_view text,
                                                           const std::string& listener) {
  std::vector<raft::Voter> voters;
  for (const std::string& one : server::SplitList(text)) {
    DOHLE_ASSIGN_OR_RETURN(raft::Voter voter, ParseVoter(one, listener));
    for (const raft::Voter& other : voters) {
      if (other.key.id != voter.key.id) continue;
      return MakeStatus(StatusCode::kInvalidArgument, "--initial-controllers: node id {} comes twice",
                        voter.key.id.value());
    }
    voters.push_back(std::move(voter));
  }
  return voters;
}

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
