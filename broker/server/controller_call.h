// What handlers say when the controller can't be reached: the whole request failed, for each of its items.
#pragma once

#include <string>

#include "broker/server/error_mapping.h"
#include "lib/base/status.h"
#include "lib/kafka/error_code.h"

namespace dohle::server {

// kUnavailable (not the active controller, or its log failed) is NOT_CONTROLLER, which clients retry.
inline kafka::ErrorCode ControllerError(const Status& status) {
  if (absl::IsUnavailable(status)) return kafka::ErrorCode::kNotController;
  if (absl::IsDeadlineExceeded(status)) return kafka::ErrorCode::kRequestTimedOut;
  return kafka::ErrorCode::kUnknownServerError;
}

inline std::string ControllerMessage(const Status& status) { return std::string(Message(status)); }

}  // namespace dohle::server
