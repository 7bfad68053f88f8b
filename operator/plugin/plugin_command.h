// The command line of kubectl-dohle, which kubectl runs as `kubectl dohle ...`. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"

namespace dohle::plugin {

struct PluginCommand {
  enum class Action {
    kStatus,
    kPlan,
    kApprove,
    kRoll,
    kFence,
    kUnfence,
    kHibernate,
    kWake,
    kLogs,
    kReport,
    kHelp,
    kVersion,
  };
  Action action = Action::kHelp;
  std::string cluster;
  std::vector<std::string> brokers;  // ids; fence, unfence: "*" alone means all; logs: at most one
  std::string plan_id;               // approve
  bool follow = false;               // logs
  std::string ns;                    // "": that of the kubeconfig's context
  std::string kubeconfig;            // "": $KUBECONFIG, else ~/.kube/config
  std::string context;               // "": the current one
};

// kInvalidArgument with a sentence that says what to do.
StatusOr<PluginCommand> ParsePluginCommand(std::span<const char* const> arguments);
std::string_view PluginHelpText();

}  // namespace dohle::plugin
