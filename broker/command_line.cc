#include "broker/command_line.h"

#include <charconv>
#include <utility>

namespace dohle {
namespace {

constexpr std::string_view kHelp =
    R"(dohle-broker: a message broker that speaks Apache Kafka's protocol

  dohle-broker [SERVER.PROPERTIES] [--override KEY=VALUE]...
      Serves. Without a file: clients on localhost:9092, metrics and health on port 9404, data in ./dohle-data.
      The keys are those of Apache Kafka, and metrics.port, metrics.host, dohle.* of our own.

  dohle-broker storage format -t CLUSTER_ID [-c SERVER.PROPERTIES] [--override KEY=VALUE]...
      Formats the log directories. A standalone node that finds them unformatted does so by itself.
      Who votes, if controller.quorum.voters doesn't say it (a standalone node needs none of these):
        --standalone                  this node is the first voter of the metadata quorum
        --initial-controllers LIST    the voters are these, as ID@HOST:PORT:DIRECTORY_ID, separated by commas
        --no-initial-controllers      the voters are elsewhere
      Further:
        --ignore-formatted            leave formatted directories as they are
        --release-version VERSION     metadata.version to begin with, as 4.3 or 4.3-IV0
        --feature NAME=LEVEL          level of a feature to begin with; may be repeated

  dohle-broker storage info [-c SERVER.PROPERTIES]
      Says how the log directories are formatted.

  dohle-broker await-file FILE
      Ends once there is something in the file. For a container that must not start before it is known where.

  dohle-broker --help | --version
)";

Status Usage(std::string message) {
  return Status(StatusCode::kInvalidArgument, message + " (dohle-broker --help says what can be given)");
}

// Walks over the arguments; options may be "--name value" or "--name=value".
class Arguments {
 public:
  explicit Arguments(std::span<const char* const> arguments) : left_(arguments) {}

  bool empty() const { return left_.empty(); }
  std::string_view Take() {
    const std::string_view first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  // If `argument` is one of the names: its value.
  StatusOr<std::optional<std::string>> Value(std::string_view argument, std::string_view name,
                                             std::string_view short_name = "") {
    if (argument == name || (!short_name.empty() && argument == short_name)) {
      if (empty()) return Usage(fmt::format("{} wants a value", argument));
      return std::optional<std::string>(Take());
    }
    if (argument.starts_with(name) && argument.size() > name.size() && argument[name.size()] == '=') {
      return std::optional<std::string>(argument.substr(name.size() + 1));
    }
    return std::optional<std::string>();
  }

 private:
  std::span<const char* const> left_;
};

StatusOr<std::pair<std::string, std::string>> KeyAndValue(std::string_view option, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Usage(fmt::format("{} {}: it wants NAME=VALUE", option, text));
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Status AddFeature(const std::string& text, CommandLine* line) {
  DOHLE_ASSIGN_OR_RETURN(auto feature, KeyAndValue("--feature", text));
  int16_t level = 0;
  const char* end = feature.second.data() + feature.second.size();
  const auto [stop, error] = std::from_chars(feature.second.data(), end, level);
  if (error != std::errc() || stop != end || level < 0) {
    return Usage(fmt::format("--feature {}: the level wants to be a number from 0", text));
  }
  line->features[feature.first] = level;
  return OkStatus();
}

Status ParseStorage(Arguments& arguments, CommandLine* line) {
  if (arguments.empty()) return Usage("storage wants a command: format or info");
  const std::string_view command = arguments.Take();
  if (command != "format" && command != "info")
    return Usage(fmt::format("storage has no command {}", command));
  const bool format = command == "format";
  line->command = format ? CommandLine::Command::kStorageFormat : CommandLine::Command::kStorageInfo;
  while (!arguments.empty()) {
    const std::string_view argument = arguments.Take();
    DOHLE_ASSIGN_OR_RETURN(auto config, arguments.Value(argument, "--config", "-c"));
    DOHLE_ASSIGN_OR_RETURN(auto override_text, arguments.Value(argument, "--override"));
    DOHLE_ASSIGN_OR_RETURN(auto cluster_id, arguments.Value(argument, "--cluster-id", "-t"));
    DOHLE_ASSIGN_OR_RETURN(auto release, arguments.Value(argument, "--release-version", "-r"));
    DOHLE_ASSIGN_OR_RETURN(auto feature, arguments.Value(argument, "--feature", "-f"));
    DOHLE_ASSIGN_OR_RETURN(auto controllers, arguments.Value(argument, "--initial-controllers", "-I"));
    if (config) {
      line->properties_file = *config;
    } else if (override_text) {
      DOHLE_ASSIGN_OR_RETURN(auto pair, KeyAndValue("--override", *override_text));
      line->overrides.push_back(std::move(pair));
    } else if (format && cluster_id) {
      line->cluster_id = *cluster_id;
    } else if (format && release) {
      line->release_version = *release;
    } else if (format && controllers) {
      line->initial_controllers = *controllers;
    } else if (format && feature) {
      DOHLE_RETURN_IF_ERROR(AddFeature(*feature, line));
    } else if (format && (argument == "--ignore-formatted" || argument == "-g")) {
      line->ignore_formatted = true;
    } else if (format && (argument == "--standalone" || argument == "-s")) {
      line->standalone = true;
    } else if (format && (argument == "--no-initial-controllers" || argument == "-N")) {
      line->no_initial_controllers = true;
    } else {
      return Usage(fmt::format("storage {} knows no {}", command, argument));
    }
  }
  if (format && line->cluster_id.empty()) return Usage("storage format wants -t CLUSTER_ID");
  const int voters = (line->standalone ? 1 : 0) + (line->no_initial_controllers ? 1 : 0) +
                     (line->initial_controllers.empty() ? 0 : 1);
  if (voters > 1) {
    return Usage("only one of --standalone, --initial-controllers and --no-initial-controllers can be given");
  }
  return OkStatus();
}

}  // namespace

std::string_view HelpText() { return kHelp; }

StatusOr<CommandLine> ParseCommandLine(std::span<const char* const> arguments_list) {
  CommandLine line;
  Arguments arguments(arguments_list);
  bool first = true;
  while (!arguments.empty()) {
    const std::string_view argument = arguments.Take();
    if (argument == "--help" || argument == "-h") {
      line.command = CommandLine::Command::kHelp;
      return line;
    }
    if (argument == "--version") {
      line.command = CommandLine::Command::kVersion;
      return line;
    }
    if (first && argument == "await-file") {
      if (arguments.empty()) return Usage("await-file wants a file");
      line.command = CommandLine::Command::kAwaitFile;
      line.awaited_file = arguments.Take();
      if (!arguments.empty()) return Usage(fmt::format("await-file knows no {}", arguments.Take()));
      return line;
    }
    if (first && argument == "storage") {
      DOHLE_RETURN_IF_ERROR(ParseStorage(arguments, &line));
      return line;
    }
    first = false;
    DOHLE_ASSIGN_OR_RETURN(auto override_text, arguments.Value(argument, "--override"));
    if (override_text) {
      DOHLE_ASSIGN_OR_RETURN(auto pair, KeyAndValue("--override", *override_text));
      line.overrides.push_back(std::move(pair));
    } else if (argument.starts_with("-")) {
      return Usage(fmt::format("there is no option {}", argument));
    } else if (line.properties_file) {
      return Usage(fmt::format("one properties file at most: {} and {}", *line.properties_file, argument));
    } else {
      line.properties_file = std::string(argument);
    }
  }
  return line;
}

}  // namespace dohle
