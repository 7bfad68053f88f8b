// The syntax tree of a CEL expression: between cel_parser.cc and cel.cc.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"
#include "operator/local/regular_expression.h"

namespace dohle::local {

struct CelNode {
  enum class Kind {
    kLiteral,
    kName,      // `name`
    kSelect,    // parts[0].name
    kHas,       // has(parts[0].name)
    kIndex,     // parts[0][parts[1]]
    kList,      // [parts...]
    kAnd,       // parts[0] && parts[1]
    kOr,        //
    kTernary,   // parts[0] ? parts[1] : parts[2]
    kOperator,  // `name` of one or two parts: ! - + * / % == != < <= > >= in
    kCall,      // name(parts...); of a method the receiver is parts[0]
    kMacro,     // parts[0].name(variable, parts[1]...)
  };
  Kind kind = Kind::kLiteral;
  std::string name;
  std::string variable;
  nlohmann::json literal;
  std::vector<CelNode> parts;
  std::optional<RegularExpression> expression;  // of matches() with a literal
};

// kInvalidArgument with the place. `uses_old_self`: whether oldSelf is named.
StatusOr<CelNode> ParseCel(std::string_view text, bool* uses_old_self);

}  // namespace dohle::local
