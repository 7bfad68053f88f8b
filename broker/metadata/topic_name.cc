#include "broker/metadata/topic_name.h"

#include <algorithm>

#include "fmt/core.h"

namespace dohle::metadata {
namespace {

constexpr size_t kMaxLength = 249;

bool IsLegal(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

std::string Problem(std::string_view name) {
  if (name.empty()) return "the empty string is not allowed";
  if (name == ".") return "'.' is not allowed";
  if (name == "..") return "'..' is not allowed";
  if (name.size() > kMaxLength) {
    return fmt::format("the length of '{}' is longer than the max allowed length {}", name, kMaxLength);
  }
  if (!std::all_of(name.begin(), name.end(), IsLegal)) {
    return fmt::format(
        "'{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name);
  }
  return "";
}

}  // namespace

std::optional<std::string> TopicNameProblem(std::string_view name) {
  const std::string problem = Problem(name);
  if (problem.empty()) return std::nullopt;
  return "Topic name is invalid: " + problem;
}

bool HasCollisionCharacters(std::string_view name) {
  return name.find_first_of("._") != std::string_view::npos;
}

std::string UnifyCollisionCharacters(std::string_view name) {
  std::string unified(name);
  std::replace(unified.begin(), unified.end(), '.', '_');
  return unified;
}

}  // namespace dohle::metadata
