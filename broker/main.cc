// dohle-broker: the composition root.

#include <cstdio>
#include <string>
#include <utility>

#include "broker/broker.h"
#include "broker/command_line.h"
#include "broker/server/config/properties.h"
#include "broker/storage_command.h"
#include "broker/version.h"
#include "lib/base/log.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/sleep.h"

namespace dohle {
namespace {

constexpr int kUsageError = 2;
// What is on its disks makes no sense, or can't be read: a restart alone won't help. The operator knows the
// code (operator/reconcile/healing/heal_plan.h).
constexpr int kDamagedData = 3;
constexpr absl::Duration kAwaitedFileInterval = absl::Milliseconds(50);

int Fail(const Status& status) {
  std::fprintf(stderr, "dohle-broker: %.*s\n", static_cast<int>(Message(status).size()),
               Message(status).data());
  if (absl::IsDataLoss(status)) return kDamagedData;
  return absl::IsInvalidArgument(status) ? kUsageError : 1;
}

StatusOr<server::LoadedConfig> LoadConfig(env::FileSystem& file_system, const CommandLine& line) {
  server::ConfigMap properties;
  if (line.properties_file) {
    DOHLE_ASSIGN_OR_RETURN(const std::string text, file_system.ReadWhole(*line.properties_file));
    DOHLE_ASSIGN_OR_RETURN(properties, server::ParseProperties(text));
  }
  for (const auto& [key, value] : line.overrides) properties[key] = value;
  return server::LoadBrokerConfig(std::move(properties));
}

void SetUpLog(const server::DohleConfig& config) {
  if (config.log_format == "json") log::SetForm(log::Form::kJson);
  if (config.log_level == "debug") log::SetLevel(log::Level::kDebug);
  if (config.log_level == "warn" || config.log_level == "warning") log::SetLevel(log::Level::kWarning);
  if (config.log_level == "error") log::SetLevel(log::Level::kError);
}

// Starts on the first executor, while the main thread waits for the end of the process: a start may wait for
// other nodes, and must not hold up who wants to end it.
env::Task<void> StartOrEnd(Broker* broker, env::PosixEnv* posix, Status* outcome) {
  const int64_t began_ms = posix->env().clock.WallTimeMs();
  *outcome = co_await broker->Start();
  if (!outcome->ok()) {
    posix->RequestTermination();
    co_return;
  }
  for (const std::string& listener : broker->ListenerTexts())
    log::Info("broker", "listening on {}", listener);
  if (const std::string metrics = broker->MetricsText(); !metrics.empty()) {
    log::Info("broker", "metrics and health on {}", metrics);
  }
  log::Info("broker", "dohle-broker {} serves after {} ms", kVersion,
            posix->env().clock.WallTimeMs() - began_ms);
}

env::Task<void> AwaitFile(std::string file, env::PosixEnv* posix) {
  for (;;) {
    const StatusOr<std::string> text = posix->env().file_system.ReadWhole(file);
    if (text.ok() && !text->empty()) break;
    co_await env::Sleep(kAwaitedFileInterval);
  }
  posix->RequestTermination();
}

// 0 as well if it is told to end before.
int RunAwaitFile(const std::string& file) {
  env::PosixEnv posix({.event_loops = 1, .io_threads = 1});
  posix.Start();
  env::Spawn(*posix.env().executors.front(), AwaitFile(file, &posix));
  posix.WaitForTermination();
  posix.Stop();
  return 0;
}

int Serve(env::PosixEnv& posix, server::LoadedConfig config) {
  posix.Start();
  Broker broker(posix.env(), std::move(config), env::LocalHostName());
  Status started;
  env::Spawn(*posix.env().executors.front(), StartOrEnd(&broker, &posix, &started));
  posix.WaitForTermination();
  log::Info("broker", "stopping");
  broker.Stop();
  posix.Stop();
  if (!started.ok() && !absl::IsCancelled(started)) {
    log::Error("broker", "{}", Message(started));
    return Fail(started);
  }
  log::Info("broker", "stopped");
  return 0;
}

int Main(int argc, char** argv) {
  auto line = ParseCommandLine({argv + 1, static_cast<size_t>(argc - 1)});
  if (!line.ok()) return Fail(line.status());
  if (line->command == CommandLine::Command::kHelp) {
    std::fwrite(HelpText().data(), 1, HelpText().size(), stdout);
    return 0;
  }
  if (line->command == CommandLine::Command::kVersion) {
    std::printf("dohle-broker %s\n", kVersion);
    return 0;
  }
  if (line->command == CommandLine::Command::kAwaitFile) return RunAwaitFile(line->awaited_file);
  const bool serve = line->command == CommandLine::Command::kServe;
  if (!serve) log::SetProgramToStderr();
  // The threads are counted before the configuration is known: reading it needs the file system only.
  env::PosixEnv for_files({.event_loops = 1, .io_threads = 1, .own_process = false});
  auto config = LoadConfig(for_files.env().file_system, *line);
  if (!config.ok()) return Fail(config.status());
  SetUpLog(config->config.dohle);
  for (const std::string& warning : config->warnings) log::Warning("config", "{}", warning);
  const server::DohleConfig& own = config->config.dohle;
  env::PosixEnv posix(
      {.event_loops = own.event_loops, .io_threads = own.io_threads > 0 ? own.io_threads : 8});
  if (serve) return Serve(posix, std::move(*config));
  Status done = line->command == CommandLine::Command::kStorageFormat
                    ? RunStorageFormat(posix.env(), *line, config->config, env::LocalHostName())
                    : RunStorageInfo(posix.env(), config->config);
  return done.ok() ? 0 : Fail(done);
}

}  // namespace
}  // namespace dohle

int main(int argc, char** argv) { return dohle::Main(argc, argv); }
