#include "operator/plugin/plugin_command.h"

#include <algorithm>
#include <cctype>

namespace dohle::plugin {
namespace {

using Action = PluginCommand::Action;

// What stands behind the Cluster's name.
enum class Rest { kNothing, kBrokers, kOneBrokerOrNone, kPlanId };

struct Verb {
  std::string_view word;
  Action action;
  Rest rest;
  std::string_view form;
};
constexpr Verb kVerbs[] = {
    {"status", Action::kStatus, Rest::kNothing, "status CLUSTER"},
    {"plan", Action::kPlan, Rest::kNothing, "plan CLUSTER"},
    {"approve", Action::kApprove, Rest::kPlanId, "approve CLUSTER PLAN-ID"},
    {"roll", Action::kRoll, Rest::kNothing, "roll CLUSTER"},
    {"fence", Action::kFence, Rest::kBrokers, "fence CLUSTER BROKER... (or all)"},
    {"unfence", Action::kUnfence, Rest::kBrokers, "unfence CLUSTER BROKER... (or all)"},
    {"hibernate", Action::kHibernate, Rest::kNothing, "hibernate CLUSTER"},
    {"wake", Action::kWake, Rest::kNothing, "wake CLUSTER"},
    {"logs", Action::kLogs, Rest::kOneBrokerOrNone, "logs CLUSTER [BROKER] [--follow]"},
    {"report", Action::kReport, Rest::kNothing, "report CLUSTER"},
};

bool IsBrokerId(std::string_view text) {
  constexpr size_t kMostDigits = 9;
  return !text.empty() && text.size() <= kMostDigits &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

Status Misused(const Verb& verb) {
  return MakeStatus(StatusCode::kInvalidArgument, "the form is: kubectl dohle {}", verb.form);
}

Status TakeBrokers(const Verb& verb, std::span<const std::string> words, PluginCommand& command) {
  if (words.size() == 1 && words[0] == "all" && verb.rest == Rest::kBrokers) {
    command.brokers = {"*"};
    return OkStatus();
  }
  for (const std::string& word : words) {
    if (!IsBrokerId(word)) {
      return MakeStatus(StatusCode::kInvalidArgument, "a broker is named by its id (0, 1, ...), not \"{}\"",
                        word);
    }
    command.brokers.push_back(word);
  }
  return OkStatus();
}

Status TakeWords(const std::vector<std::string>& words, PluginCommand& command) {
  const auto verb = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                 [&](const Verb& known) { return known.word == words[0]; });
  if (verb == std::end(kVerbs)) {
    return MakeStatus(StatusCode::kInvalidArgument, "there is no command {}; see kubectl dohle --help",
                      words[0]);
  }
  if (words.size() < 2) return Misused(*verb);
  command.action = verb->action;
  command.cluster = words[1];
  const std::span<const std::string> rest = std::span(words).subspan(2);
  switch (verb->rest) {
    case Rest::kNothing:
      return rest.empty() ? OkStatus() : Misused(*verb);
    case Rest::kPlanId:
      if (rest.size() != 1) return Misused(*verb);
      command.plan_id = rest[0];
      return OkStatus();
    case Rest::kBrokers:
      return rest.empty() ? Misused(*verb) : TakeBrokers(*verb, rest, command);
    case Rest::kOneBrokerOrNone:
      return rest.size() > 1 ? Misused(*verb) : TakeBrokers(*verb, rest, command);
  }
  return Misused(*verb);
}

struct TextFlag {
  std::string_view name, abbreviation;
  std::string PluginCommand::* field;
};
constexpr TextFlag kTextFlags[] = {
    {"--namespace", "-n", &PluginCommand::ns},
    {"--kubeconfig", "--kubeconfig", &PluginCommand::kubeconfig},
    {"--context", "--context", &PluginCommand::context},
};

}  // namespace

StatusOr<PluginCommand> ParsePluginCommand(std::span<const char* const> arguments) {
  PluginCommand command;
  std::vector<std::string> words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with("-")) {
      words.emplace_back(argument);
      continue;
    }
    if (argument == "--help" || argument == "-h") return PluginCommand();
    if (argument == "--version") {
      command.action = Action::kVersion;
      return command;
    }
    if (argument == "--follow" || argument == "-f") {
      command.follow = true;
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const auto flag = std::find_if(std::begin(kTextFlags), std::end(kTextFlags), [&](const TextFlag& known) {
      return known.name == name || known.abbreviation == name;
    });
    if (flag == std::end(kTextFlags)) {
      return MakeStatus(StatusCode::kInvalidArgument, "there is no flag {}; see kubectl dohle --help", name);
    }
    if (equals != std::string_view::npos) {
      command.*flag->field = argument.substr(equals + 1);
    } else if (++i < arguments.size()) {
      command.*flag->field = arguments[i];
    } else {
      return MakeStatus(StatusCode::kInvalidArgument, "{} needs a value", name);
    }
  }
  if (words.empty()) return command;
  DOHLE_RETURN_IF_ERROR(TakeWords(words, command));
  return command;
}

std::string_view PluginHelpText() {
  return R"(kubectl dohle: looks at Dohle Clusters and tells their operator what to do.

  kubectl dohle status CLUSTER               what runs, and what is wrong
  kubectl dohle plan CLUSTER                 what the operator is about to do, why, and what blocks it
  kubectl dohle approve CLUSTER PLAN-ID      lets a plan go that waits for approval
  kubectl dohle roll CLUSTER                 restarts all brokers, as many at once as no partition forbids
  kubectl dohle fence CLUSTER BROKER...      stops brokers and keeps them stopped; "all" for every broker
  kubectl dohle unfence CLUSTER BROKER...    lets them run again
  kubectl dohle hibernate CLUSTER            stops all brokers, keeps volumes and configuration
  kubectl dohle wake CLUSTER                 starts them again
  kubectl dohle logs CLUSTER [BROKER] [-f]   what the brokers print, by kubectl
  kubectl dohle report CLUSTER               all that is known of it as JSON, without secrets, to send to others

Flags: -n, --namespace NAMESPACE; --context CONTEXT; --kubeconfig FILE; --version; --help
)";
}

}  // namespace dohle::plugin
