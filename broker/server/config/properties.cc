#include "broker/server/config/properties.h"

#include <optional>

namespace dohle::server {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

std::string_view SkipBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

// Takes one line off `text`, without its end.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
    return line;
  }
  const bool two = text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n';
  text.remove_prefix(end + (two ? 2 : 1));
  return line;
}

bool EndsWithOddBackslashes(std::string_view line) {
  const size_t last = line.find_last_not_of('\\');
  const size_t count = last == std::string_view::npos ? line.size() : line.size() - last - 1;
  return count % 2 == 1;
}

void AppendUtf8(uint32_t code, std::string& out) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// Four hexadecimal digits at the start of `text`.
std::optional<uint32_t> HexUnit(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

// Decodes \uXXXX, where `text` begins after the 'u', and a low surrogate that follows. The characters used.
std::optional<size_t> DecodeUnicode(std::string_view text, std::string& out) {
  const auto unit = HexUnit(text);
  if (!unit) return std::nullopt;
  if (*unit >= 0xd800 && *unit < 0xdc00 && text.substr(4).starts_with("\\u")) {
    const auto low = HexUnit(text.substr(6));
    if (low && *low >= 0xdc00 && *low < 0xe000) {
      AppendUtf8(0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00), out);
      return size_t{10};
    }
  }
  const bool lone_surrogate = *unit >= 0xd800 && *unit < 0xe000;
  AppendUtf8(lone_surrogate ? 0xfffd : *unit, out);
  return size_t{4};
}

// Nothing if a \u is malformed.
std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    if (++i == text.size()) break;
    switch (text[i]) {
      case 't':
        out.push_back('\t');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'u': {
        const auto used = DecodeUnicode(text.substr(i + 1), out);
        if (!used) return std::nullopt;
        i += *used;
        break;
      }
      default:
        out.push_back(text[i]);
    }
  }
  return out;
}

// Where the key ends: the first unescaped separator or blank.
size_t KeyEnd(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || IsBlank(line[i])) {
      return i;
    }
  }
  return line.size();
}

Status AddLogicalLine(std::string_view line, int number, ConfigMap& properties) {
  const size_t end = KeyEnd(line);
  std::string_view rest = SkipBlanks(line.substr(end));
  if (!rest.empty() && (rest.front() == '=' || rest.front() == ':')) rest = SkipBlanks(rest.substr(1));
  auto key = Unescape(line.substr(0, end));
  auto value = Unescape(rest);
  if (!key || !value) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "line {}: malformed \\uxxxx escape; it takes four hexadecimal digits", number);
  }
  properties[std::move(*key)] = std::move(*value);
  return OkStatus();
}

}  // namespace

StatusOr<ConfigMap> ParseProperties(std::string_view text) {
  if (text.size() > kMaxPropertiesBytes) {
    return MakeStatus(StatusCode::kInvalidArgument, "the file has {} bytes, more than the {} that are read",
                      text.size(), kMaxPropertiesBytes);
  }
  ConfigMap properties;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const int first = number;
    const std::string_view line = SkipBlanks(TakeLine(text));
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    std::string logical(line);
    while (EndsWithOddBackslashes(logical)) {
      logical.pop_back();
      if (text.empty()) break;
      ++number;
      logical += SkipBlanks(TakeLine(text));
    }
    DOHLE_RETURN_IF_ERROR(AddLogicalLine(logical, first, properties));
  }
  return properties;
}

Status ApplyOverrides(std::span<const std::string> overrides, ConfigMap& properties) {
  for (const std::string& text : overrides) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return MakeStatus(StatusCode::kInvalidArgument, "--override {}: expected key=value", text);
    }
    properties[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return OkStatus();
}

}  // namespace dohle::server
