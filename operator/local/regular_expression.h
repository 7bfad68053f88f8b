// Regular expressions as RE2 writes them, as far as schemas and CEL rules use them: literals, '.', classes,
// \d \w \s and their negations, groups, alternatives, * + ? {n,m}, ^ and $. Bytes, not characters. In time
// proportional to pattern and text, whatever they are. Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/base/status.h"

namespace dohle::local {

class RegularExpression {
 public:
  // kInvalidArgument: it isn't one, uses what isn't known here, or is too large.
  static StatusOr<RegularExpression> Parse(std::string_view pattern);

  // Whether some part of `text` matches.
  bool MatchesPartOf(std::string_view text) const;

 private:
  friend class RegularExpressionCompiler;
  struct Step {
    enum class Kind { kByte, kSplit, kBegin, kEnd, kMatch };
    Kind kind = Kind::kMatch;
    std::bitset<256> bytes;
    uint32_t next = 0;
    uint32_t other = 0;  // kSplit
  };
  std::vector<Step> steps_;
};

}  // namespace dohle::local
