// Times in the status of objects: RFC 3339 in UTC with seconds, as metav1.Time. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dohle::api {

std::string TimeText(int64_t ms);  // "2026-11-21T12:00:00Z"
// Milliseconds since 1970; nothing if `text` is no such time.
std::optional<int64_t> ParseTimeText(std::string_view text);

}  // namespace dohle::api
