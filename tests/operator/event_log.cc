#include "tests/operator/event_log.h"

#include <fmt/format.h>

namespace dohle::tests {

void EventLog::Normal(const k8s::Resource&, const k8s::ObjectMeta& regarding, std::string_view reason,
                      std::string_view, std::string note) {
  ++counts[{regarding.uid, std::string(reason)}];
  lines.push_back(fmt::format("{} {}: {}", ToString(regarding.name), reason, note));
}

int EventLog::Count(std::string_view reason) const {
  int count = 0;
  for (const auto& [key, times] : counts) {
    if (key.second == reason) count += times;
  }
  return count;
}

std::string EventLog::Text() const {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace dohle::tests
