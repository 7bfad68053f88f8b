// Conditions as kstatus and `kubectl wait` understand them: Ready is what people wait for, Progressing says
// that something is under way, Degraded that something is worse than asked. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dohle::api {

struct Condition {
  std::string type;     // "Ready"
  std::string status;   // "True", "False", "Unknown"
  std::string reason;   // CamelCase, one of the constants of reasons.h
  std::string message;  // a sentence; what to do if something is to be done
  int64_t observed_generation = 0;
  int64_t last_transition_time_ms = 0;  // when `status` last changed
};

inline constexpr size_t kMaxConditionMessageBytes = 1024;  // longer ones are cut

// Sets the condition of that type; its transition time changes only if its status does.
void SetCondition(std::vector<Condition>& conditions, Condition condition, int64_t now_ms);
const Condition* FindCondition(const std::vector<Condition>& conditions, std::string_view type);

}  // namespace dohle::api
