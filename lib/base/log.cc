#include "lib/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

namespace dohle::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};
std::atomic<Form> g_form{Form::kText};
std::atomic<bool> g_stderr{false};

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

const char* Pattern() {
  return g_form.load() == Form::kJson ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                                      : "%Y-%m-%d %H:%M:%S.%e %L %v";
}

template <typename Sink>
std::shared_ptr<spdlog::logger> MakeLogger() {
  auto logger = std::make_shared<spdlog::logger>("dohle", std::make_shared<Sink>());
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::info);
  logger->set_pattern(Pattern());
  return logger;
}

spdlog::logger& Logger() {
  static std::shared_ptr<spdlog::logger> to_stdout = MakeLogger<spdlog::sinks::stdout_sink_mt>();
  static std::shared_ptr<spdlog::logger> to_stderr = MakeLogger<spdlog::sinks::stderr_sink_mt>();
  return g_stderr.load(std::memory_order_relaxed) ? *to_stderr : *to_stdout;
}

}  // namespace

void SetLevel(Level level) { g_level = level; }
void SetForm(Form form) {
  g_form = form;
  Logger().set_pattern(Pattern());
}
void SetProgramToStderr() { g_stderr = true; }
Level CurrentLevel() { return g_level.load(std::memory_order_relaxed); }
bool Enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

void Write(Level level, std::string_view module, std::string_view message) {
  spdlog::logger& logger = Logger();
  if (g_form.load(std::memory_order_relaxed) == Form::kJson) {
    // The time is put in by the pattern; JSON's own escaping keeps the event on one line.
    nlohmann::json text = message;
    nlohmann::json from = module;
    constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
    logger.log(ToSpdlog(level), R"("module":{},"message":{})", from.dump(-1, ' ', false, kReplace),
               text.dump(-1, ' ', false, kReplace));
    return;
  }
  std::string line(message);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  logger.log(ToSpdlog(level), "[{}] {}", module, line);
}

}  // namespace dohle::log
