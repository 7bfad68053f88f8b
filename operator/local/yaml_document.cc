#include "operator/local/yaml_document.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"

namespace dohle::local {
namespace {

using k8s::Json;

template <size_t N>
bool IsOneOf(std::string_view text, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

constexpr std::string_view kNulls[] = {"", "~", "null", "Null", "NULL"};
constexpr std::string_view kTrues[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                       "True", "TRUE", "on",  "On",  "ON"};
constexpr std::string_view kFalses[] = {"n",     "N",     "no",  "No",  "NO", "false",
                                        "False", "FALSE", "off", "Off", "OFF"};

std::optional<Json> Integer(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits += c;
  }
  std::string_view rest = digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  int base = 10;
  if (rest.starts_with("0x") || rest.starts_with("0X")) base = 16;
  if (rest.starts_with("0b") || rest.starts_with("0B")) base = 2;
  if (rest.starts_with("0o")) base = 8;
  if (base != 10) {
    rest.remove_prefix(2);
  } else if (rest.size() > 1 && rest.front() == '0') {
    base = 8;
  }
  uint64_t number = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number, base);
  if (rest.empty() || parsed.ec != std::errc() || parsed.ptr != rest.data() + rest.size())
    return std::nullopt;
  if (!negative) return number <= uint64_t{INT64_MAX} ? Json(static_cast<int64_t>(number)) : Json(number);
  if (number > uint64_t{INT64_MAX} + 1) return std::nullopt;
  return Json(static_cast<int64_t>(~number + 1));
}

std::optional<Json> Real(std::string_view text) {
  // What looks like one: digits with a point or an exponent.
  bool digit = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') digit = true;
    if (std::string_view("0123456789.eE+-").find(c) == std::string_view::npos) return std::nullopt;
  }
  double number = 0;
  const bool begins = !text.empty() && text.front() != 'e' && text.front() != 'E';
  if (!digit || !begins || !absl::SimpleAtod({text.data(), text.size()}, &number)) return std::nullopt;
  if (!std::isfinite(number)) return std::nullopt;
  return Json(number);
}

bool IsUtf8(const std::string& text) {
  // Through the one that has to write it.
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

class Converter {
 public:
  Converter(int first_line, YamlDocument& document, std::vector<YamlFault>& faults)
      : first_line_(first_line), document_(document), faults_(faults) {}

  // False: there was a fault.
  bool Convert(const YAML::Node& node, const std::string& path, int depth, Json& json) {
    if (depth > kMaxYamlDepth) return Fault(node, path, "nested too deeply");
    if (++nodes_ > kMaxYamlNodes) return Fault(node, path, "too large, aliases counted");
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return Scalar(node, path, json);
      case YAML::NodeType::Sequence:
        return Sequence(node, path, depth, json);
      case YAML::NodeType::Map:
        return Map(node, path, depth, json);
      default:
        json = nullptr;
        return true;
    }
  }

 private:
  int LineOf(const YAML::Node& node) const {
    return node.Mark().is_null() ? first_line_ : node.Mark().line + first_line_;
  }
  bool Fault(const YAML::Node& node, const std::string& path, std::string sentence) {
    faults_.push_back({LineOf(node), path, std::move(sentence)});
    return false;
  }

  bool Scalar(const YAML::Node& node, const std::string& path, Json& json) {
    const std::string& text = node.Scalar();
    if (!IsUtf8(text)) return Fault(node, path, "the text is not UTF-8");
    const std::string& tag = node.Tag();
    const bool plain = tag == "?" || tag.empty();
    if (!plain && tag != "!" && tag != "tag:yaml.org,2002:str" && tag != "!!str")
      return Fault(node, path, "the tag " + tag + " isn't known here");
    json = text;
    if (!plain) return true;
    if (IsOneOf(text, kNulls)) {
      json = nullptr;
    } else if (IsOneOf(text, kTrues) || IsOneOf(text, kFalses)) {
      json = IsOneOf(text, kTrues);
    } else if (auto integer = Integer(text)) {
      json = std::move(*integer);
    } else if (auto real = Real(text)) {
      json = std::move(*real);
    }
    return true;
  }

  bool Sequence(const YAML::Node& node, const std::string& path, int depth, Json& json) {
    json = Json::array();
    size_t index = 0;
    for (const YAML::Node& item : node) {
      const std::string below = fmt::format("{}[{}]", path, index++);
      document_.lines[below] = LineOf(item);
      Json value;
      if (!Convert(item, below, depth + 1, value)) return false;
      json.push_back(std::move(value));
    }
    return true;
  }

  bool Map(const YAML::Node& node, const std::string& path, int depth, Json& json) {
    json = Json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return Fault(node, path, "a key must be a text");
      const std::string& key = entry.first.Scalar();
      const std::string below = path.empty() ? key : path + "." + key;
      if (!IsUtf8(key)) return Fault(entry.first, path, "the text is not UTF-8");
      if (key == "<<") return Fault(entry.first, below, "merge keys aren't known here: write the fields out");
      if (json.contains(key)) return Fault(entry.first, below, "is there twice");
      document_.lines[below] = LineOf(entry.first);
      if (!Convert(entry.second, below, depth + 1, json[key])) return false;
    }
    return true;
  }

  const int first_line_;
  YamlDocument& document_;
  std::vector<YamlFault>& faults_;
  size_t nodes_ = 0;
};

void ParseOne(std::string_view text, int first_line, const std::function<void(YamlDocument)>& take,
              std::vector<YamlFault>* faults) {
  try {
    const YAML::Node node = YAML::Load(std::string(text));
    if (!node.IsDefined() || node.IsNull()) return;
    YamlDocument document;
    document.line = first_line + std::max(node.Mark().line, 0);
    Json value;
    if (!Converter(first_line, document, *faults).Convert(node, "", 0, value)) return;
    document.value = std::make_shared<const Json>(std::move(value));
    take(std::move(document));
  } catch (const YAML::Exception& e) {
    faults->push_back({first_line + std::max(e.mark.line, 0), "", "not YAML: " + e.msg});
  }
}

}  // namespace

int YamlDocument::LineOf(const std::string& path) const {
  std::string at = path;
  while (!at.empty()) {
    const auto found = lines.find(at);
    if (found != lines.end()) return found->second;
    const size_t cut = at.find_last_of(".[");
    at.resize(cut == std::string::npos ? 0 : cut);
  }
  return line;
}

void ParseYaml(std::string_view text, std::vector<YamlDocument>* documents, std::vector<YamlFault>* faults) {
  ParseYaml(
      text, [documents](YamlDocument document) { documents->push_back(std::move(document)); }, faults);
}

void ParseYaml(std::string_view text, const std::function<void(YamlDocument)>& take,
               std::vector<YamlFault>* faults) {
  if (text.size() > kMaxYamlBytes) {
    faults->push_back({1, "", fmt::format("the file has more than {} bytes", kMaxYamlBytes)});
    return;
  }
  // A line that begins with "---" begins a document even inside a block of text.
  std::string document;
  int first_line = 1;
  int line = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view current = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line;
    const bool separates = current.starts_with("---") && (current.size() == 3 || current[3] == ' ' ||
                                                          current[3] == '\r' || current[3] == '\t');
    if (separates && line > 1) {
      ParseOne(document, first_line, take, faults);
      document.clear();
      first_line = line;
    }
    document += current;
    document += '\n';
  }
  ParseOne(document, first_line, take, faults);
}

}  // namespace dohle::local
