// Names of fields and tokens in their values, where the case of letters doesn't count (RFC 9110, 5.1
// and 5.6.2).
#pragma once

#include <algorithm>
#include <string_view>

namespace dohle::http {

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace dohle::http
