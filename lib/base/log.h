// The log: one line an event, with a level, the module that speaks and the message. Any thread.
//
//   log::Info("storage", "recovered {} segments of {}", n, ToString(tp));
//
// A message says what happened to what, and on a warning or an error what to do about it. spdlog stands
// behind it and is included in log.cc only.
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace dohle::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Form { kText, kJson };

// Before these are called the log writes text at level info to standard output. Not thread-safe, but for
// SetLevel: call at start.
void SetLevel(Level level);
void SetForm(Form form);
void SetProgramToStderr();  // for commands whose standard output is their result

Level CurrentLevel();  // any thread
bool Enabled(Level level);
void Write(Level level, std::string_view module, std::string_view message);

template <typename... Args>
void Debug(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kDebug)) Write(Level::kDebug, module, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Info(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kInfo)) Write(Level::kInfo, module, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Warning(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kWarning))
    Write(Level::kWarning, module, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Error(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kError)) Write(Level::kError, module, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace dohle::log
