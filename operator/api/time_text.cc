#include "operator/api/time_text.h"

#include "absl/time/time.h"

namespace dohle::api {
namespace {

constexpr char kFormat[] = "%Y-%m-%d%ET%H:%M:%SZ";
constexpr size_t kMaxBytes = 64;

}  // namespace

std::string TimeText(int64_t ms) {
  return absl::FormatTime(kFormat, absl::FromUnixMillis(ms), absl::UTCTimeZone());
}

std::optional<int64_t> ParseTimeText(std::string_view text) {
  absl::Time time;
  if (text.size() > kMaxBytes) return std::nullopt;
  if (!absl::ParseTime(absl::RFC3339_full, std::string(text), &time, nullptr)) return std::nullopt;
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
  return absl::ToUnixMillis(time);
}

}  // namespace dohle::api
