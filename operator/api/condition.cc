#include "operator/api/condition.h"

#include <algorithm>
#include <utility>

namespace dohle::api {
namespace {

constexpr std::string_view kCut = "...";

// Shortens to kMaxConditionMessageBytes without leaving half a character of UTF-8.
void Cut(std::string& message) {
  if (message.size() <= kMaxConditionMessageBytes) return;
  size_t end = kMaxConditionMessageBytes - kCut.size();
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xc0) == 0x80) --end;
  message.resize(end);
  message += kCut;
}

}  // namespace

void SetCondition(std::vector<Condition>& conditions, Condition condition, int64_t now_ms) {
  Cut(condition.message);
  condition.last_transition_time_ms = now_ms;
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& other) { return other.type == condition.type; });
  if (found == conditions.end()) {
    conditions.push_back(std::move(condition));
    return;
  }
  if (found->status == condition.status && found->last_transition_time_ms != 0) {
    condition.last_transition_time_ms = found->last_transition_time_ms;
  }
  *found = std::move(condition);
}

const Condition* FindCondition(const std::vector<Condition>& conditions, std::string_view type) {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& condition) { return condition.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

}  // namespace dohle::api
