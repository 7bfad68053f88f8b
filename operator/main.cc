// dohle-operator: the composition root.

#include <malloc.h>

#include <cstdio>
#include <string>
#include <utility>

#include "lib/base/log.h"
#include "lib/env/posix/environment_variable.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/posix/posix_process_launcher.h"
#include "lib/env/run_and_wait.h"
#include "lib/env/stop_signal.h"
#include "operator/command_line.h"
#include "operator/k8s/credentials.h"
#include "operator/k8s/kubeconfig.h"
#include "operator/k8s/rest_client.h"
#include "operator/local_commands.h"
#include "operator/local_mode.h"
#include "operator/operator.h"
#include "operator/version.h"

namespace dohle {
namespace {

constexpr int kUsageError = 2;
constexpr absl::Duration kTableInterval = absl::Milliseconds(500);

int Fail(const Status& status) {
  std::fprintf(stderr, "dohle-operator: %.*s\n", static_cast<int>(Message(status).size()),
               Message(status).data());
  return absl::IsInvalidArgument(status) ? kUsageError : 1;
}

void SetUpLog(const OperatorCommand& command) {
  if (command.log_format == "json") log::SetForm(log::Form::kJson);
  if (command.log_level == "debug") log::SetLevel(log::Level::kDebug);
  if (command.log_level == "warn" || command.log_level == "warning") log::SetLevel(log::Level::kWarning);
  if (command.log_level == "error") log::SetLevel(log::Level::kError);
}

// --- on Kubernetes

StatusOr<k8s::ServerAccess> Access(env::FileSystem& files, const OperatorCommand& command) {
  const std::string host = env::EnvironmentVariable("KUBERNETES_SERVICE_HOST");
  if (command.kubeconfig.empty() && !host.empty()) {
    return k8s::InClusterAccess(files, host, env::EnvironmentVariable("KUBERNETES_SERVICE_PORT"));
  }
  return k8s::ReadKubeconfig(files,
                             k8s::KubeconfigPath(command.kubeconfig, env::EnvironmentVariable("KUBECONFIG"),
                                                 env::EnvironmentVariable("HOME")));
}

StatusOr<Operator::Options> OptionsOnKubernetes(env::Env& env, const OperatorCommand& command,
                                                const k8s::ServerAccess& access) {
  Operator::Options options;
  const std::string pod = env::EnvironmentVariable("POD_NAME");
  options.identity = (pod.empty() ? env::LocalHostName() : pod) + "_" + ToString(env.random.NextUuid());
  options.ns = command.watch_namespace;
  options.http = {command.metrics_host, command.metrics_port};
  options.partition_metrics = command.partition_metrics;
  options.resources.broker_image = command.broker_image;
  if (!command.leader_election) return options;
  std::string ns = command.lease_namespace;
  if (ns.empty()) ns = env::EnvironmentVariable("POD_NAMESPACE");
  if (ns.empty()) ns = access.ns;
  if (ns.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "say where the leader's Lease is kept: --lease-namespace, or --no-leader-election");
  }
  options.lease = k8s::ObjectName{ns, "dohle-operator"};
  return options;
}

int ServeOnKubernetes(env::PosixEnv& posix, const OperatorCommand& command) {
  env::Env& env = posix.env();
  const auto access = Access(env.file_system, command);
  if (!access.ok()) return Fail(access.status());
  auto options = OptionsOnKubernetes(env, command, *access);
  if (!options.ok()) return Fail(options.status());
  k8s::RestClient::Options rest;
  rest.version = kOperatorVersion;
  auto client = k8s::RestClient::Open(*access, std::move(rest), env);
  if (!client.ok()) return Fail(client.status());
  posix.Start();
  Operator dohle(env, **client, std::move(*options));
  const Status started = env::RunAndWait(*env.executors[0], dohle.Start());
  if (!started.ok()) {
    posix.Stop();
    return Fail(started);
  }
  log::Info("operator", "dohle-operator {} looks after {} on {}; metrics and health on http://{}",
            kOperatorVersion, command.watch_namespace.empty() ? "all namespaces" : command.watch_namespace,
            access->server, ToString(dohle.http()));
  posix.WaitForTermination();
  log::Info("operator", "stopping");
  env::RunAndWait(*env.executors[0], dohle.Stop());
  client->reset();
  posix.Stop();
  return 0;
}

// --- without it

void Tell(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log::Info("operator", "{}", line);
}

env::Task<void> ShowLines(LocalMode* local, env::StopSignal* stop) {
  ChangedLines of_clusters, of_topics;
  std::optional<uint64_t> told;  // of the Topics' changes: there may be thousands of Topics
  while (!stop->stopped()) {
    Tell(of_clusters.Of({local->clusters(), {}, local->faults()}));
    if (const uint64_t changes = local->topic_changes(); changes != told) {
      told = changes;
      Tell(of_topics.Of({{}, local->topics(), {}}));
    }
    const bool stopped = co_await stop->SleepFor(kTableInterval);
    if (stopped) break;
  }
}

env::Task<void> ShowTable(LocalMode* local, env::StopSignal* stop) {
  while (!stop->stopped()) {
    const TableInput seen = local->Look();
    // Home, the text, and nothing of what stood there before.
    const std::string text =
        "\x1b[H\x1b[2J" + StatusTable(seen) + "\nCtrl-C stops the brokers; their data stays.\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    const bool stopped = co_await stop->SleepFor(kTableInterval);
    if (stopped) break;
  }
}

std::string DataDirectory(const OperatorCommand& command, const std::string& directory) {
  return command.data_directory.empty() ? env::JoinPath(directory, ".dohle")
                                        : env::AbsolutePath(command.data_directory);
}

int ServeLocally(env::PosixEnv& posix, const OperatorCommand& command) {
  env::Env& env = posix.env();
  LocalMode::Options options;
  options.directory = env::AbsolutePath(*command.local_directory);
  options.data_directory = DataDirectory(command, options.directory);
  options.program_directory = env::ParentPath(env::OwnProgramPath());
  options.http = {"127.0.0.1", command.metrics_port};
  options.partition_metrics = command.partition_metrics;
  const bool table = !command.plain && env::StandardOutputIsTerminal();
  if (table) log::SetLevel(log::Level::kError);
  env::PosixProcessLauncher launcher;
  posix.Start();
  LocalMode local(env, launcher, options);
  const Status started = env::RunAndWait(*env.executors[0], local.Start());
  if (!started.ok()) {
    posix.Stop();
    return Fail(started);
  }
  log::Info("operator", "dohle-operator {} runs what {} describes; metrics and health on http://{}",
            kOperatorVersion, options.directory, ToString(local.http()));
  env::StopSignal stop;
  env::Spawn(*env.executors[0], table ? ShowTable(&local, &stop) : ShowLines(&local, &stop));
  posix.WaitForTermination();
  stop.Stop();
  log::Info("operator", "stopping the brokers");
  env::RunAndWait(*env.executors[0], local.Stop());
  posix.Stop();
  return 0;
}

int RunCommand(env::PosixEnv& posix, const OperatorCommand& command) {
  posix.Start();
  env::Env& env = posix.env();
  StatusOr<std::string> text = MakeStatus(StatusCode::kInternal, "not run");
  if (command.action == OperatorCommand::Action::kCheck) {
    text = env::RunAndWait(*env.executors[0], RunCheck(&env, command));
  } else {
    const std::string directory = env::AbsolutePath(*command.local_directory);
    text = env::RunAndWait(*env.executors[0],
                           RunLocalCommand(&env, command, directory, DataDirectory(command, directory)));
  }
  posix.Stop();
  if (!text.ok()) return Fail(text.status());
  std::fwrite(text->data(), 1, text->size(), stdout);
  return 0;
}

// What takes megabytes for a moment (a page of metrics, a look at thousands of topics) goes back to the
// kernel at once. By itself glibc learns from the first such block to keep the next ones.
void GiveMemoryBack() {
  constexpr int kBlockBytes = 128 << 10;
  mallopt(M_MMAP_THRESHOLD, kBlockBytes);
  mallopt(M_TRIM_THRESHOLD, kBlockBytes);
}

int Main(int argc, char** argv) {
  GiveMemoryBack();
  const auto command = ParseOperatorCommand({argv + 1, static_cast<size_t>(argc - 1)});
  if (!command.ok()) return Fail(command.status());
  if (command->action == OperatorCommand::Action::kHelp) {
    std::fwrite(OperatorHelpText().data(), 1, OperatorHelpText().size(), stdout);
    return 0;
  }
  if (command->action == OperatorCommand::Action::kVersion) {
    std::printf("dohle-operator %s\n", kOperatorVersion);
    return 0;
  }
  SetUpLog(*command);
  // One loop: everything of the operator is on one executor.
  env::PosixEnv posix({.event_loops = 1, .io_threads = 2});
  if (command->action != OperatorCommand::Action::kServe) {
    log::SetProgramToStderr();
    return RunCommand(posix, *command);
  }
  return command->local_directory ? ServeLocally(posix, *command) : ServeOnKubernetes(posix, *command);
}

}  // namespace
}  // namespace dohle

int main(int argc, char** argv) { return dohle::Main(argc, argv); }
