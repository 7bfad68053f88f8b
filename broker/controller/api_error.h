// An error as an answer carries it: Kafka's code and the message that its clients know.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/kafka/error_code.h"
#include "lib/kafka/text.h"

namespace dohle::controller {

using kafka::ErrorCode;

struct ApiError {
  ErrorCode code = ErrorCode::kNone;
  std::optional<std::string> message;

  ApiError() = default;
  // With Kafka's standard message for that code.
  explicit ApiError(ErrorCode error);
  ApiError(ErrorCode error, std::string text) : code(error), message(std::move(text)) {}

  bool ok() const { return code == ErrorCode::kNone; }
  friend bool operator==(const ApiError&, const ApiError&) = default;
};

// Puts `error` into the fields of a response or of a part of one.
template <typename Result>
void SetError(const ApiError& error, Result* result) {
  result->error_code = kafka::ToCode(error.code);
  if (error.message.has_value()) {
    result->error_message = kafka::Text(std::string(*error.message));
  } else {
    result->error_message.reset();
  }
}

// «return» from a function that gives an ApiError.
#define DOHLE_RETURN_IF_API_ERROR(expression)                                                      \
  do {                                                                                             \
    if (::dohle::controller::ApiError api_error = (expression); !api_error.ok()) return api_error; \
  } while (false)

}  // namespace dohle::controller
