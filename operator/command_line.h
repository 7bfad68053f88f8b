// dohle-operator's command line. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/status.h"

namespace dohle {

struct OperatorCommand {
  enum class Action { kServe, kGet, kDescribe, kApply, kDelete, kCheck, kHelp, kVersion };
  Action action = Action::kServe;

  // Without Kubernetes: the directory of manifests.
  std::optional<std::string> local_directory;
  std::string data_directory;  // "": LOCAL/.dohle

  // On Kubernetes.
  std::string kubeconfig;       // "": in the cluster, else $KUBECONFIG, else ~/.kube/config
  std::string watch_namespace;  // "": all
  std::string lease_namespace;  // "": the own one
  bool leader_election = true;
  std::string broker_image = "dohle-broker:latest";

  std::string metrics_host = "0.0.0.0";
  uint16_t metrics_port = 9404;
  bool partition_metrics = true;  // a series for each group and partition
  std::string log_level = "info";
  std::string log_format = "text";
  bool plain = false;  // lines instead of the table

  // check: what is asked, for `helm test`.
  std::string check_ready;      // "host:port" of an HTTP server with /readyz
  std::string check_bootstrap;  // bootstrap servers
  std::string check_topics;     // "a,b": each partition has a leader

  // get KIND [NAME], describe KIND NAME, delete KIND NAME; apply FILE.
  std::string kind, name, file;
};

// kInvalidArgument with a sentence that says what to do.
StatusOr<OperatorCommand> ParseOperatorCommand(std::span<const char* const> arguments);
std::string_view OperatorHelpText();

}  // namespace dohle
