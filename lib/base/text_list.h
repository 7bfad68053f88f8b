// Lists in one text, as configurations and annotations have them: "a,b,c".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dohle {

// What stands between the separators, without empty parts. They refer to `text`.
std::vector<std::string_view> NonEmptyParts(std::string_view text, char separator = ',');

// Without blanks and tabs at its ends.
std::string_view Trimmed(std::string_view text);

// `list` and behind it those of `items` that it doesn't have; `list` without the first of each of `items`.
std::string ListWith(std::string_view list, std::string_view items);
std::string ListWithout(std::string_view list, std::string_view items);

}  // namespace dohle
