#include "lib/base/text_list.h"

#include <fmt/format.h>

#include <algorithm>

namespace dohle {

std::vector<std::string_view> NonEmptyParts(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::string ListWith(std::string_view list, std::string_view items) {
  std::vector<std::string_view> parts = NonEmptyParts(list);
  for (const std::string_view item : NonEmptyParts(items)) {
    if (std::find(parts.begin(), parts.end(), item) == parts.end()) parts.push_back(item);
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

std::string ListWithout(std::string_view list, std::string_view items) {
  std::vector<std::string_view> parts = NonEmptyParts(list);
  for (const std::string_view item : NonEmptyParts(items)) {
    const auto found = std::find(parts.begin(), parts.end(), item);
    if (found != parts.end()) parts.erase(found);
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace dohle
