#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "operator/k8s/client.h"
#include "operator/k8s/object.h"

namespace dohle::k8s {
namespace {

constexpr char kRetryAfterPayload[] = "dohle.dev/retry-after-ms";
constexpr size_t kMaxMessageBytes = 4096;
constexpr int64_t kMaxRetryAfterS = 3600;

StatusCode CodeOf(int http_code, std::string_view reason) {
  switch (http_code) {
    case 401:
      return StatusCode::kUnauthenticated;
    case 403:
      return StatusCode::kPermissionDenied;
    case 404:
      return StatusCode::kNotFound;
    case 408:
      return StatusCode::kDeadlineExceeded;
    case 409:
      return reason == "AlreadyExists" ? StatusCode::kAlreadyExists : StatusCode::kAborted;
    case 410:
      return StatusCode::kOutOfRange;
    case 412:
      return StatusCode::kFailedPrecondition;
    case 429:
      return StatusCode::kResourceExhausted;
    default:
      return http_code >= 400 && http_code < 500 ? StatusCode::kInvalidArgument : StatusCode::kUnavailable;
  }
}

bool RefusedByDisruptionBudget(const Json& body) {
  const Json* causes = Find(body, "details.causes");
  return causes != nullptr && causes->is_array() &&
         std::any_of(causes->begin(), causes->end(),
                     [](const Json& cause) { return FindString(cause, "reason") == "DisruptionBudget"; });
}

}  // namespace

std::optional<absl::Duration> RetryAfter(const Status& status) {
  const auto payload = status.GetPayload(kRetryAfterPayload);
  int64_t ms = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &ms)) return std::nullopt;
  return absl::Milliseconds(ms);
}

Status WithRetryAfter(Status status, absl::Duration delay) {
  const std::string ms = std::to_string(absl::ToInt64Milliseconds(delay));
  status.SetPayload(kRetryAfterPayload, absl::Cord(absl::string_view(ms)));
  return status;
}

Status StatusFromAnswer(int http_code, const Json& body) {
  const bool is_status = FindString(body, "kind") == "Status";
  // The error event of a watch has no HTTP code of its own.
  if (http_code == 0 && is_status)
    http_code = static_cast<int>(std::clamp<int64_t>(FindInt(body, "code", 0), 0, 999));
  if (http_code >= 200 && http_code < 300) return OkStatus();
  if (!is_status) {
    return MakeStatus(CodeOf(http_code, ""), "the API server answered with HTTP code {}", http_code);
  }
  const std::string reason = FindString(body, "reason");
  StatusCode code = CodeOf(http_code, reason);
  if (http_code == 429 && RefusedByDisruptionBudget(body)) code = StatusCode::kFailedPrecondition;
  const std::string message = FindString(body, "message", reason).substr(0, kMaxMessageBytes);
  Status status =
      MakeStatus(code, "{} (HTTP code {}{}{})", message, http_code, reason.empty() ? "" : ", ", reason);
  const int64_t retry_after_s = FindInt(body, "details.retryAfterSeconds", 0);
  if (retry_after_s <= 0) return status;
  return WithRetryAfter(std::move(status), absl::Seconds(std::min(retry_after_s, kMaxRetryAfterS)));
}

}  // namespace dohle::k8s
