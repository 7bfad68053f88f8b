#include "operator/local/selector.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using k8s::Json;
constexpr size_t kMaxSelectorBytes = 4096;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// At the commas that stand outside of parentheses.
std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t from = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      const std::string_view part = Trim(text.substr(from, i - from));
      if (!part.empty() || i < text.size()) parts.push_back(part);
      from = i + 1;
    }
  }
  return parts;
}

Status Malformed(std::string_view text) {
  return MakeStatus(StatusCode::kInvalidArgument, "unable to parse requirement: \"{}\"", text);
}

std::optional<std::string> Label(const Json& object, const std::string& key) {
  const Json* labels = k8s::Find(object, "metadata.labels");
  if (labels == nullptr || !labels->is_object()) return std::nullopt;
  const auto found = labels->find(key);
  if (found == labels->end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

}  // namespace

StatusOr<ObjectSelector::Requirement> ObjectSelector::ParseLabel(std::string_view text) {
  Requirement requirement;
  if (text.starts_with('!')) {
    requirement.key = std::string(Trim(text.substr(1)));
    requirement.op = Operator::kExistsNot;
    return requirement;
  }
  if (text.ends_with(')')) {
    const size_t open = text.find('(');
    if (open == std::string_view::npos) return Malformed(text);
    const std::string_view head = Trim(text.substr(0, open));
    const size_t space = head.find(' ');
    if (space == std::string_view::npos) return Malformed(text);
    const std::string_view word = Trim(head.substr(space));
    if (word != "in" && word != "notin") return Malformed(text);
    requirement.key = std::string(head.substr(0, space));
    requirement.op = word == "in" ? Operator::kIn : Operator::kNotIn;
    for (const std::string_view value : Split(text.substr(open + 1, text.size() - open - 2)))
      requirement.values.emplace_back(value);
    return requirement;
  }
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    requirement.key = std::string(text);
    requirement.op = Operator::kExists;
    return requirement;
  }
  const bool negated = equals > 0 && text[equals - 1] == '!';
  requirement.key = std::string(Trim(text.substr(0, equals - (negated ? 1 : 0))));
  requirement.op = negated ? Operator::kNotIn : Operator::kIn;
  std::string_view value = text.substr(equals + 1);
  if (value.starts_with('=') && !negated) value.remove_prefix(1);
  requirement.values.emplace_back(Trim(value));
  return requirement;
}

StatusOr<ObjectSelector::Requirement> ObjectSelector::ParseField(std::string_view text) {
  if (text.find('=') == std::string_view::npos) return Malformed(text);
  DOHLE_ASSIGN_OR_RETURN(Requirement requirement, ParseLabel(text));
  requirement.is_field = true;
  return requirement;
}

StatusOr<ObjectSelector> ObjectSelector::Parse(const k8s::Selector& selector) {
  ObjectSelector parsed;
  if (selector.labels.size() > kMaxSelectorBytes || selector.fields.size() > kMaxSelectorBytes)
    return MakeStatus(StatusCode::kInvalidArgument, "a selector has at most {} bytes", kMaxSelectorBytes);
  for (const std::string_view part : Split(selector.labels)) {
    DOHLE_ASSIGN_OR_RETURN(Requirement requirement, ParseLabel(part));
    parsed.requirements_.push_back(std::move(requirement));
  }
  for (const std::string_view part : Split(selector.fields)) {
    DOHLE_ASSIGN_OR_RETURN(Requirement requirement, ParseField(part));
    parsed.requirements_.push_back(std::move(requirement));
  }
  for (const Requirement& requirement : parsed.requirements_) {
    if (requirement.key.empty() || requirement.key.find_first_of(" ()=!,") != std::string::npos)
      return Malformed(requirement.key);
  }
  return parsed;
}

ObjectSelector ObjectSelector::FromMap(const Json& labels) {
  ObjectSelector selector;
  if (!labels.is_object()) return selector;
  for (const auto& [key, value] : labels.items()) {
    Requirement requirement;
    requirement.key = key;
    if (value.is_string()) requirement.values.push_back(value.get<std::string>());
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

bool ObjectSelector::Matches(const Json& object) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    // A field that isn't there is as an empty one; a label that isn't there is in no set.
    const std::optional<std::string> value =
        requirement.is_field ? k8s::FindString(object, requirement.key) : Label(object, requirement.key);
    switch (requirement.op) {
      case Operator::kExists:
        return value.has_value();
      case Operator::kExistsNot:
        return !value.has_value();
      default:
        break;
    }
    const bool in = value.has_value() && std::find(requirement.values.begin(), requirement.values.end(),
                                                   *value) != requirement.values.end();
    return in == (requirement.op == Operator::kIn);
  });
}

}  // namespace dohle::local
