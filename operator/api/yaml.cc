#include "operator/api/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace dohle::api {
namespace {

using Json = nlohmann::json;

// Whether a text means a text without quotes, as far as its type goes; yaml-cpp itself quotes what would
// break the syntax.
bool IsPlainText(std::string_view text) {
  constexpr std::array<std::string_view, 11> kWords = {"true", "false", "yes",  "no",  "on", "off",
                                                       "y",    "n",     "null", "nan", "inf"};
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) return false;
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != 0x7f; });
  if (!printable || text.ends_with(' ')) return false;
  if (lower == ".nan" || lower == ".inf") return false;
  // Numbers, dates and ~ begin with something else than these.
  const size_t dot = lower.starts_with('.') ? 1 : 0;
  const char first = dot < lower.size() ? lower[dot] : '~';
  return (first >= 'a' && first <= 'z') || first == '/' || first == '(' || first == '$' || first == '_';
}

// Several lines that a block keeps as they are.
bool IsBlock(std::string_view text) {
  if (text.size() < 2 || !text.ends_with('\n') || text[text.size() - 2] == '\n') return false;
  if (text.front() == ' ' || text.front() == '\n') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c != 0x7f) || c == '\n'; });
}

void EmitText(YAML::Emitter& out, const std::string& text) {
  if (IsBlock(text)) {
    out << YAML::Literal << text.substr(0, text.size() - 1);  // yaml-cpp ends the last line itself
  } else if (IsPlainText(text)) {
    out << text;
  } else {
    out << YAML::DoubleQuoted << text;
  }
}

void Emit(YAML::Emitter& out, const Json& value) {
  if (value.is_object() && !value.empty()) {
    out << YAML::BeginMap;
    for (const auto& [key, item] : value.items()) {
      out << YAML::Key;
      EmitText(out, key);
      out << YAML::Value;
      Emit(out, item);
    }
    out << YAML::EndMap;
  } else if (value.is_array() && !value.empty()) {
    out << YAML::BeginSeq;
    for (const Json& item : value) Emit(out, item);
    out << YAML::EndSeq;
  } else if (value.is_structured()) {
    out << YAML::Flow;
    value.is_array() ? out << YAML::BeginSeq << YAML::EndSeq : out << YAML::BeginMap << YAML::EndMap;
  } else if (value.is_string()) {
    EmitText(out, value.get_ref<const std::string&>());
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();  // true, 3, 0.5
  }
}

}  // namespace

std::string ToYaml(const Json& value) {
  YAML::Emitter out;
  Emit(out, value);
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace dohle::api
