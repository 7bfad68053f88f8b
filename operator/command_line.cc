#include "operator/command_line.h"

#include <charconv>
#include <vector>

namespace dohle {
namespace {

using Action = OperatorCommand::Action;

StatusOr<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) {
    return MakeStatus(StatusCode::kInvalidArgument, "a port is a number from 0 to 65535, not \"{}\"", text);
  }
  return port;
}

StatusOr<bool> ParseSwitch(std::string_view flag, std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return MakeStatus(StatusCode::kInvalidArgument, "{} is true or false, not \"{}\"", flag, text);
}

// Takes the value of a flag: what follows '=', or the next argument.
class Flags {
 public:
  explicit Flags(std::span<const char* const> arguments) : arguments_(arguments) {}

  bool done() const { return next_ == arguments_.size(); }
  std::string_view Take() { return arguments_[next_++]; }
  StatusOr<std::string> Value(std::string_view flag, std::string_view name) {
    if (flag.size() > name.size()) return std::string(flag.substr(name.size() + 1));
    if (done()) return MakeStatus(StatusCode::kInvalidArgument, "{} needs a value; see --help", name);
    return std::string(Take());
  }

 private:
  std::span<const char* const> arguments_;
  size_t next_ = 0;
};

struct TextFlag {
  std::string_view name;
  std::string OperatorCommand::* field;
};
constexpr TextFlag kTextFlags[] = {
    {"--data", &OperatorCommand::data_directory},
    {"--kubeconfig", &OperatorCommand::kubeconfig},
    {"--watch-namespace", &OperatorCommand::watch_namespace},
    {"--lease-namespace", &OperatorCommand::lease_namespace},
    {"--broker-image", &OperatorCommand::broker_image},
    {"--metrics-host", &OperatorCommand::metrics_host},
    {"--ready", &OperatorCommand::check_ready},
    {"--bootstrap", &OperatorCommand::check_bootstrap},
    {"--topics", &OperatorCommand::check_topics},
    {"--log-level", &OperatorCommand::log_level},
    {"--log-format", &OperatorCommand::log_format},
};

bool Names(std::string_view argument, std::string_view flag) {
  return argument == flag ||
         (argument.size() > flag.size() && argument.starts_with(flag) && argument[flag.size()] == '=');
}

Status TakeFlag(std::string_view argument, Flags& flags, OperatorCommand& command) {
  for (const TextFlag& flag : kTextFlags) {
    if (!Names(argument, flag.name)) continue;
    DOHLE_ASSIGN_OR_RETURN(command.*flag.field, flags.Value(argument, flag.name));
    return OkStatus();
  }
  if (Names(argument, "--local")) {
    DOHLE_ASSIGN_OR_RETURN(command.local_directory, flags.Value(argument, "--local"));
  } else if (Names(argument, "--metrics-port")) {
    DOHLE_ASSIGN_OR_RETURN(const std::string text, flags.Value(argument, "--metrics-port"));
    DOHLE_ASSIGN_OR_RETURN(command.metrics_port, ParsePort(text));
  } else if (Names(argument, "--partition-metrics")) {
    DOHLE_ASSIGN_OR_RETURN(const std::string text, flags.Value(argument, "--partition-metrics"));
    DOHLE_ASSIGN_OR_RETURN(command.partition_metrics, ParseSwitch("--partition-metrics", text));
  } else if (argument == "--no-leader-election") {
    command.leader_election = false;
  } else if (argument == "--plain") {
    command.plain = true;
  } else if (argument == "--help" || argument == "-h") {
    command.action = Action::kHelp;
  } else if (argument == "--version") {
    command.action = Action::kVersion;
  } else {
    return MakeStatus(StatusCode::kInvalidArgument, "there is no flag {}; see --help", argument);
  }
  return OkStatus();
}

// The words of a command, without flags.
Status TakeWords(const std::vector<std::string>& words, OperatorCommand& command) {
  if (words.empty()) return OkStatus();
  const std::string& verb = words[0];
  const auto need = [&](size_t least, size_t most, std::string_view form) {
    if (words.size() - 1 >= least && words.size() - 1 <= most) return OkStatus();
    return MakeStatus(StatusCode::kInvalidArgument, "the form is: dohle-operator {}", form);
  };
  if (verb == "get") {
    DOHLE_RETURN_IF_ERROR(need(1, 2, "get KIND [NAME] --local DIR"));
    command.action = Action::kGet;
  } else if (verb == "describe") {
    DOHLE_RETURN_IF_ERROR(need(2, 2, "describe KIND NAME --local DIR"));
    command.action = Action::kDescribe;
  } else if (verb == "delete") {
    DOHLE_RETURN_IF_ERROR(need(2, 2, "delete KIND NAME --local DIR"));
    command.action = Action::kDelete;
  } else if (verb == "check") {
    command.action = Action::kCheck;
    if (command.check_ready.empty() == command.check_bootstrap.empty()) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "the form is: dohle-operator check --ready HOST:PORT, or check --bootstrap HOST:PORT "
                        "[--topics A,B]");
    }
    return need(0, 0, "check --ready HOST:PORT | check --bootstrap HOST:PORT [--topics A,B]");
  } else if (verb == "apply") {
    DOHLE_RETURN_IF_ERROR(need(1, 1, "apply FILE --local DIR"));
    command.action = Action::kApply;
    command.file = words[1];
    return OkStatus();
  } else {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "there is no command {}: get, describe, apply, delete, or none to serve", verb);
  }
  command.kind = words[1];
  if (words.size() > 2) command.name = words[2];
  return OkStatus();
}

}  // namespace

StatusOr<OperatorCommand> ParseOperatorCommand(std::span<const char* const> arguments) {
  OperatorCommand command;
  std::vector<std::string> words;
  Flags flags(arguments);
  while (!flags.done()) {
    const std::string_view argument = flags.Take();
    if (!argument.starts_with("-")) {
      words.emplace_back(argument);
      continue;
    }
    DOHLE_RETURN_IF_ERROR(TakeFlag(argument, flags, command));
  }
  if (command.action == Action::kHelp || command.action == Action::kVersion) return command;
  DOHLE_RETURN_IF_ERROR(TakeWords(words, command));
  if (command.action != Action::kServe && command.action != Action::kCheck && !command.local_directory) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "this command acts on a local operator: say which with --local DIR; on Kubernetes use "
                      "kubectl");
  }
  return command;
}

std::string_view OperatorHelpText() {
  return R"(dohle-operator: runs Dohle clusters and keeps their topics, on Kubernetes or without it.

  dohle-operator [flags]                    on Kubernetes: looks after Cluster and Topic resources
  dohle-operator --local DIR [flags]        without it: runs what the YAML files in DIR describe, here and now
  dohle-operator get KIND [NAME] --local DIR        shows resources (clusters, topics, pods, events, ...)
  dohle-operator describe KIND NAME --local DIR     shows one with its status and events
  dohle-operator apply FILE --local DIR             puts the file's resources into DIR
  dohle-operator delete KIND NAME --local DIR       takes one out of DIR
  dohle-operator check --ready HOST:PORT            waits until it says so on /readyz, for 30 s
  dohle-operator check --bootstrap HOST:PORT [--topics A,B]    waits until it answers and they have leaders

  --local DIR             directory of manifests, watched for changes
  --data DIR              where the local state and the brokers' data are kept (default: DIR/.dohle)
  --plain                 lines instead of the live table
  --kubeconfig FILE       default: the Pod's own account, else $KUBECONFIG, else ~/.kube/config
  --watch-namespace NAME  only this namespace (default: all)
  --lease-namespace NAME  where the leader's Lease is kept (default: the operator's own namespace)
  --no-leader-election    for a single operator
  --broker-image IMAGE    of Clusters that name none
  --metrics-host HOST     default 0.0.0.0
  --metrics-port PORT     metrics and health over HTTP (default 9404; 0: any free one)
  --partition-metrics=false    no metrics of single partitions of consumer groups, of which there may be many
  --log-level LEVEL       debug, info, warn, error
  --log-format FORMAT     text, json
  --help, --version
)";
}

}  // namespace dohle
