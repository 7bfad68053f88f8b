// kubectl-dohle: the composition root of kubectl's plugin.

#include <cstdio>
#include <string>
#include <utility>

#include "lib/base/log.h"
#include "lib/env/posix/environment_variable.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"
#include "operator/k8s/kubeconfig.h"
#include "operator/k8s/rest_client.h"
#include "operator/plugin/plugin.h"
#include "operator/plugin/plugin_command.h"
#include "operator/version.h"

namespace dohle::plugin {
namespace {

constexpr int kUsageError = 2;

int Fail(const Status& status) {
  std::fprintf(stderr, "kubectl-dohle: %.*s\n", static_cast<int>(Message(status).size()),
               Message(status).data());
  return absl::IsInvalidArgument(status) ? kUsageError : 1;
}

int Run(const PluginCommand& command) {
  log::SetProgramToStderr();
  env::PosixEnv posix({.event_loops = 1, .io_threads = 1});
  env::Env& env = posix.env();
  const auto access =
      k8s::ReadKubeconfig(env.file_system,
                          k8s::KubeconfigPath(command.kubeconfig, env::EnvironmentVariable("KUBECONFIG"),
                                              env::EnvironmentVariable("HOME")),
                          command.context);
  if (!access.ok()) return Fail(access.status());
  std::string ns = command.ns.empty() ? access->ns : command.ns;
  if (ns.empty()) ns = "default";
  if (command.action == PluginCommand::Action::kLogs) {
    std::vector<std::string> arguments = {"kubectl"};
    for (std::string& argument : LogsArguments(command, ns)) arguments.push_back(std::move(argument));
    return Fail(env::BecomeProgram(arguments));
  }
  k8s::RestClient::Options options;
  options.version = kOperatorVersion;
  auto client = k8s::RestClient::Open(*access, std::move(options), env);
  if (!client.ok()) return Fail(client.status());
  posix.Start();
  const StatusOr<std::string> text =
      env::RunAndWait(*env.executors[0], RunPlugin(client->get(), command, ns, env.clock.WallTimeMs()));
  client->reset();
  posix.Stop();
  if (!text.ok()) return Fail(text.status());
  std::fwrite(text->data(), 1, text->size(), stdout);
  return 0;
}

int Main(int argc, char** argv) {
  const auto command = ParsePluginCommand({argv + 1, static_cast<size_t>(argc - 1)});
  if (!command.ok()) return Fail(command.status());
  if (command->action == PluginCommand::Action::kVersion) {
    std::printf("kubectl-dohle %s\n", kOperatorVersion);
    return 0;
  }
  if (command->action == PluginCommand::Action::kHelp) {
    std::fwrite(PluginHelpText().data(), 1, PluginHelpText().size(), stdout);
    return 0;
  }
  return Run(*command);
}

}  // namespace
}  // namespace dohle::plugin

int main(int argc, char** argv) { return dohle::plugin::Main(argc, argv); }
