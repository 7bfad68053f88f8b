// What the command line of dohle-broker says. Pure.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"

namespace dohle {

struct CommandLine {
  enum class Command { kServe, kStorageFormat, kStorageInfo, kAwaitFile, kHelp, kVersion };
  Command command = Command::kServe;
  std::optional<std::string> properties_file;                  // server.properties
  std::vector<std::pair<std::string, std::string>> overrides;  // --override key=value, in order
  std::string awaited_file;
  // storage format
  std::string cluster_id;
  bool ignore_formatted = false;
  bool standalone = false;                     // --standalone
  bool no_initial_controllers = false;         // --no-initial-controllers
  std::string initial_controllers;             // --initial-controllers id@host:port:directory-id,...
  std::optional<std::string> release_version;  // --release-version 4.3
  std::map<std::string, int16_t> features;     // --feature name=level
};

// kInvalidArgument: a sentence that says what to do.
StatusOr<CommandLine> ParseCommandLine(std::span<const char* const> arguments);

std::string_view HelpText();

}  // namespace dohle
