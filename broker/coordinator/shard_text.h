// For tests: requests, answers and records of a shard as text, and the other way round.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinator/group_records.h"
#include "broker/coordinator/responses.h"

namespace dohle::coordinator {

// Without empty parts.
std::vector<std::string> Split(std::string_view text, char separator);
// `text` is a number.
int64_t Number(std::string_view text);

// Member ids as transcripts write them: "a#7" for the seventh id that CountingRandom leads to, and back.
std::string Lengthen(std::string_view text);
std::string Shorten(std::string text);

// A subscription of the consumer's protocol to the topics "a+b", and back if it is one.
std::string Subscription(std::string_view topics);
std::string ShowMetadata(std::string_view metadata);

std::string ErrorText(int16_t code);
std::string_view Show(const std::optional<kafka::Text>& text);
std::string ShowRecord(const Record& record);
std::string ShowResponse(const Response& response);

}  // namespace dohle::coordinator
