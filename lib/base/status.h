// absl::Status with the two macros that every module uses, and builders that take a format.
//
// Inside Dohle every fallible function returns absl::Status or absl::StatusOr<T>. Kafka's error codes exist
// only at the edge of the request handlers (broker/server/error_code.h).
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dohle {

using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

inline Status OkStatus() { return absl::OkStatus(); }

// MakeStatus(absl::StatusCode::kNotFound, "no topic {}", name)
template <typename... Args>
Status MakeStatus(StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Status(code, fmt::format(format, std::forward<Args>(args)...));
}

// Debian's Abseil has a string_view of its own; our code speaks std::string_view.
inline std::string_view Message(const Status& status) {
  return std::string_view(status.message().data(), status.message().size());
}

}  // namespace dohle

#define DOHLE_CONCAT_INNER(a, b) a##b
#define DOHLE_CONCAT(a, b) DOHLE_CONCAT_INNER(a, b)

#define DOHLE_RETURN_IF_ERROR(expression)                                                    \
  do {                                                                                       \
    if (::absl::Status dohle_status = (expression); !dohle_status.ok()) return dohle_status; \
  } while (false)

#define DOHLE_ASSIGN_OR_RETURN(target, expression) \
  DOHLE_ASSIGN_OR_RETURN_INNER(DOHLE_CONCAT(dohle_result_, __LINE__), target, expression)
#define DOHLE_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                    \
  if (!result.ok()) return result.status();                      \
  target = std::move(result).value()

// The same two inside a coroutine.
#define DOHLE_CO_RETURN_IF_ERROR(expression)                                                    \
  do {                                                                                          \
    if (::absl::Status dohle_status = (expression); !dohle_status.ok()) co_return dohle_status; \
  } while (false)

#define DOHLE_CO_ASSIGN_OR_RETURN(target, expression) \
  DOHLE_CO_ASSIGN_OR_RETURN_INNER(DOHLE_CONCAT(dohle_result_, __LINE__), target, expression)
#define DOHLE_CO_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                       \
  if (!result.ok()) co_return result.status();                      \
  target = std::move(result).value()
