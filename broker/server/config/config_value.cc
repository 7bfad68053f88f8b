// Parsing and validation of one value, with the messages of Kafka's ConfigException.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "broker/server/config/config_def.h"

namespace dohle::server {
namespace {

// String.trim of Java: everything up to the space is white.
std::string_view Trim(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

Status Invalid(const ConfigKey& key, std::string_view value, std::string_view what) {
  return MakeStatus(StatusCode::kInvalidArgument, "Invalid value {} for configuration {}: {}", value,
                    key.name, what);
}

// Integer.parseInt and its siblings: an optional sign and decimal digits.
template <typename Int>
std::optional<Int> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseDouble(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  }
  if (text.ends_with('d') || text.ends_with('D') || text.ends_with('f') || text.ends_with('F')) {
    text.remove_suffix(1);  // Double.parseDouble takes Java's literal suffixes
  }
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos)
    return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::strtod(std::string(text).c_str(), nullptr);
  if (error != std::errc()) return std::nullopt;
  return value;
}

template <typename Number, typename Parse>
Status CheckRange(const ConfigKey& key, Number value, const std::string& text, Parse parse) {
  const Validator& range = key.validator;
  if (!range.a.empty() && value < *parse(range.a)) {
    return Invalid(key, text, fmt::format("Value must be at least {}", range.a));
  }
  if (!range.b.empty() && value > *parse(range.b)) {
    return Invalid(key, text, fmt::format("Value must be no more than {}", range.b));
  }
  return OkStatus();
}

template <typename Int>
StatusOr<std::string> ParseIntegerValue(const ConfigKey& key, std::string_view raw) {
  const auto value = ParseInteger<Int>(Trim(raw));
  if (!value) return Invalid(key, raw, fmt::format("Not a number of type {}", Name(key.type)));
  const std::string text = std::to_string(*value);
  if (key.validator.kind == Validator::Kind::kRange) {
    DOHLE_RETURN_IF_ERROR(CheckRange(key, *value, text, ParseInteger<Int>));
  }
  if (key.validator.kind == Validator::Kind::kGzipLevel && *value != -1 && (*value < 1 || *value > 9)) {
    return Invalid(key, text, "Value must be between 1 and 9 or equal to -1");
  }
  return text;
}

std::vector<std::string_view> SplitPlain(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string Spaced(std::string_view values) {
  return fmt::format("{}", fmt::join(SplitPlain(values, ','), ", "));
}

bool IsOneOf(std::string_view value, std::string_view values) {
  const auto parts = SplitPlain(values, ',');
  return std::find(parts.begin(), parts.end(), value) != parts.end();
}

Status CheckList(const ConfigKey& key, const std::vector<std::string>& items) {
  const Validator& rule = key.validator;
  if (items.empty() && !rule.may_be_empty) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "Configuration '{}' must not be empty. Valid values include: {}", key.name,
                      rule.a.empty() ? "any non-empty value" : "[" + Spaced(rule.a) + "]");
  }
  for (const std::string& item : items) {
    if (item.empty()) {
      return MakeStatus(StatusCode::kInvalidArgument, "Configuration '{}' values must not be empty.",
                        key.name);
    }
  }
  std::vector<std::string> sorted = items;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return MakeStatus(StatusCode::kInvalidArgument, "Configuration '{}' values must not be duplicated.",
                      key.name);
  }
  if (rule.a.empty()) return OkStatus();
  for (const std::string& item : items) {
    if (!IsOneOf(item, rule.a)) return Invalid(key, item, "String must be one of: " + Spaced(rule.a));
  }
  return OkStatus();
}

bool AllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Status CheckThrottledReplicas(const ConfigKey& key, const std::vector<std::string>& items) {
  if (items.size() == 1 && items[0] == "*") return OkStatus();
  for (const std::string& item : items) {
    const size_t colon = item.find(':');
    if (colon != std::string::npos && AllDigits(std::string_view(item).substr(0, colon)) &&
        AllDigits(std::string_view(item).substr(colon + 1))) {
      continue;
    }
    return Invalid(key, fmt::format("[{}]", fmt::join(items, ", ")),
                   fmt::format("{} must be the literal '*' or a list of replicas in the following format: "
                               "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
                               key.name));
  }
  return OkStatus();
}

// "host:port", "[::1]:port", with the port in 1..65535.
bool IsHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto port = ParseInteger<int>(text.substr(colon + 1));
  return port && *port > 0 && *port <= 65535;
}

Status CheckQuorumVoters(const ConfigKey& key, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    const size_t at = item.find('@');
    if (at == std::string::npos) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "Invalid configuration value for {}. Each entry should be in the form "
                        "`{{id}}@{{host}}:{{port}}`.",
                        key.name);
    }
    if (!ParseInteger<int32_t>(item.substr(0, at))) {
      return MakeStatus(StatusCode::kInvalidArgument, "Failed to parse voter ID as an integer from {}",
                        item.substr(0, at));
    }
    if (!IsHostPort(std::string_view(item).substr(at + 1))) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "Failed to parse host name from entry {} for the configuration {}. Each entry should "
                        "be in the form `{{id}}@{{host}}:{{port}}`.",
                        item, key.name);
    }
  }
  return OkStatus();
}

Status CheckBootstrapServers(const ConfigKey& key, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    if (!IsHostPort(item)) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "Failed to parse host name from {} for the configuration {}. Each entry should be in "
                        "the form \"{{host}}:{{port}}\"",
                        item, key.name);
    }
  }
  return OkStatus();
}

StatusOr<std::string> ParseListValue(const ConfigKey& key, std::string_view raw) {
  const std::vector<std::string> items = SplitList(raw);
  switch (key.validator.kind) {
    case Validator::Kind::kList:
      DOHLE_RETURN_IF_ERROR(CheckList(key, items));
      break;
    case Validator::Kind::kThrottledReplicas:
      DOHLE_RETURN_IF_ERROR(CheckThrottledReplicas(key, items));
      break;
    case Validator::Kind::kQuorumVoters:
      DOHLE_RETURN_IF_ERROR(CheckQuorumVoters(key, items));
      break;
    case Validator::Kind::kBootstrapServers:
      DOHLE_RETURN_IF_ERROR(CheckBootstrapServers(key, items));
      break;
    default:
      break;
  }
  return fmt::format("{}", fmt::join(items, ","));
}

// One number with a unit out of an ISO-8601 duration ("3D", "1.5S"); false if there is none.
bool TakeDurationPart(std::string_view& text, char unit, bool fraction) {
  size_t i = 0;
  while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
  if (i == 0) return false;
  if (fraction && i < text.size() && text[i] == '.') {
    ++i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
  }
  if (i == text.size() || text[i] != unit) return false;
  text.remove_prefix(i + 1);
  return true;
}

// PnDTnHnMn.nS without signs, as java.time.Duration.parse takes it; negative ones Kafka refuses.
bool IsDuration(std::string_view text) {
  if (!text.starts_with('P')) return false;
  text.remove_prefix(1);
  bool any = TakeDurationPart(text, 'D', false);
  if (text.empty()) return any;
  if (!text.starts_with('T')) return false;
  text.remove_prefix(1);
  any = TakeDurationPart(text, 'H', false);
  any |= TakeDurationPart(text, 'M', false);
  any |= TakeDurationPart(text, 'S', true);
  return any && text.empty();
}

StatusOr<std::string> ParseStringValue(const ConfigKey& key, std::string_view raw) {
  const std::string value(Trim(raw));
  const Validator& rule = key.validator;
  switch (rule.kind) {
    case Validator::Kind::kOneOf:
      if (!IsOneOf(value, rule.a)) return Invalid(key, value, "String must be one of: " + Spaced(rule.a));
      break;
    case Validator::Kind::kOneOfAnyCase:
      if (!IsOneOf(Lower(value), Lower(rule.a))) {
        return Invalid(key, value, "String must be one of (case insensitive): " + Spaced(rule.a));
      }
      break;
    case Validator::Kind::kNotEmpty:
      if (value.empty()) return Invalid(key, value, "String must be non-empty");
      break;
    case Validator::Kind::kOffsetReset: {
      constexpr std::string_view kByDuration = "by_duration:";
      if (value != "earliest" && value != "latest" &&
          !(value.starts_with(kByDuration) && IsDuration(value.substr(kByDuration.size())))) {
        return Invalid(key, value,
                       fmt::format("Invalid value `{}` for configuration {}. The value must be either "
                                   "'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
                                   value, key.name));
      }
      break;
    }
    default:
      break;
  }
  return value;
}

StatusOr<std::string> ParseDoubleValue(const ConfigKey& key, std::string_view raw) {
  const auto value = ParseDouble(Trim(raw));
  if (!value) return Invalid(key, raw, "Not a number of type DOUBLE");
  std::string text = JavaDouble(*value);
  if (key.validator.kind == Validator::Kind::kRange) {
    DOHLE_RETURN_IF_ERROR(CheckRange(key, *value, text, ParseDouble));
  }
  return text;
}

}  // namespace

StatusOr<std::string> ParseConfigValue(const ConfigKey& key, std::string_view text) {
  switch (key.type) {
    case ConfigType::kBoolean: {
      std::string value = Lower(Trim(text));
      if (value != "true" && value != "false") {
        return Invalid(key, text, "Expected value to be either true or false");
      }
      return value;
    }
    case ConfigType::kInt:
      return ParseIntegerValue<int32_t>(key, text);
    case ConfigType::kShort:
      return ParseIntegerValue<int16_t>(key, text);
    case ConfigType::kLong:
      return ParseIntegerValue<int64_t>(key, text);
    case ConfigType::kDouble:
      return ParseDoubleValue(key, text);
    case ConfigType::kList:
      return ParseListValue(key, text);
    case ConfigType::kString:
      return ParseStringValue(key, text);
    case ConfigType::kClass:
    case ConfigType::kPassword:
    case ConfigType::kUnknown:
      break;
  }
  return std::string(Trim(text));
}

std::vector<std::string> SplitList(std::string_view text) {
  text = Trim(text);
  std::vector<std::string> items;
  if (text.empty()) return items;
  for (const std::string_view part : SplitPlain(text, ',')) items.emplace_back(Trim(part));
  return items;
}

std::string JavaDouble(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  const double magnitude = std::fabs(value);
  std::array<char, 400> buffer;
  const bool plain = magnitude >= 1e-3 && magnitude < 1e7;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), result.ptr);
  if (plain) return text.find('.') == std::string::npos ? text + ".0" : text;
  const size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  return fmt::format("{}E{}", mantissa, std::atoi(text.c_str() + e + 1));
}

}  // namespace dohle::server
