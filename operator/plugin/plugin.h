// What kubectl-dohle does at the API server: reads, and changes a Cluster's annotations and spec; the
// operator acts on them. One executor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/task.h"
#include "operator/k8s/client.h"
#include "operator/plugin/plugin_command.h"

namespace dohle::plugin {

// Returns what is to be printed. `ns` is where the Cluster is; `client` outlives the task. kNotFound: no such
// Cluster. Not for logs, which kubectl itself shows (LogsArguments), help and version.
env::Task<StatusOr<std::string>> RunPlugin(k8s::Client* client, PluginCommand command, std::string ns,
                                           int64_t now_ms);

// What kubectl is to be run with to show the logs.
std::vector<std::string> LogsArguments(const PluginCommand& command, const std::string& ns);

}  // namespace dohle::plugin
