#include "broker/server/loggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "lib/base/log.h"

namespace dohle::server {
namespace {

constexpr std::string_view kRoot = "root";

struct NamedLevel {
  std::string_view name;
  log::Level level;
};

// The first name of a level is the one that it is described by.
constexpr NamedLevel kLevels[] = {{"DEBUG", log::Level::kDebug},  {"INFO", log::Level::kInfo},
                                  {"WARN", log::Level::kWarning}, {"ERROR", log::Level::kError},
                                  {"FATAL", log::Level::kError},  {"TRACE", log::Level::kDebug}};

const NamedLevel* FindLevel(std::string_view name) {
  const auto* found = std::find_if(std::begin(kLevels), std::end(kLevels),
                                   [&](const auto& level) { return level.name == name; });
  return found == std::end(kLevels) ? nullptr : found;
}

ConfigError CheckOne(const ConfigChange& change) {
  if (change.op == AlterOp::kAppend || change.op == AlterOp::kSubtract) {
    return {ConfigErrorCode::kInvalidRequest,
            fmt::format("{} operation is not allowed for the BROKER_LOGGER resource",
                        change.op == AlterOp::kAppend ? "APPEND" : "SUBTRACT")};
  }
  if (change.name != kRoot) {
    return {ConfigErrorCode::kInvalidConfig, fmt::format("Logger {} does not exist!", change.name)};
  }
  if (change.op == AlterOp::kDelete) {
    return {ConfigErrorCode::kInvalidRequest,
            fmt::format("Removing the log level of the {} logger is not allowed", kRoot)};
  }
  if (FindLevel(change.value.value_or("")) == nullptr) {
    return {ConfigErrorCode::kInvalidConfig,
            fmt::format("Cannot set the log level of {} to {} as it is not a supported log level. Valid log "
                        "levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
                        change.name, change.value.value_or(""))};
  }
  return {};
}

}  // namespace

ConfigMap LoggerLevels() {
  const log::Level level = log::CurrentLevel();
  const auto* named = std::find_if(std::begin(kLevels), std::end(kLevels),
                                   [&](const auto& one) { return one.level == level; });
  ConfigMap levels;
  levels.emplace(kRoot, named->name);
  return levels;
}

ConfigError CheckLoggerChanges(std::span<const ConfigChange> changes) {
  for (const ConfigChange& change : changes) {
    if (ConfigError error = CheckOne(change); !error.ok()) return error;
  }
  return {};
}

void ChangeLoggers(std::span<const ConfigChange> changes) {
  for (const ConfigChange& change : changes) {
    const NamedLevel* level = FindLevel(change.value.value_or(""));
    if (level == nullptr) continue;
    log::SetLevel(level->level);
    log::Warning("server", "the log level is {} from now on, by a request of an administrator", level->name);
  }
}

}  // namespace dohle::server
