// Label and field selectors of list and watch, as the query of the Kubernetes API has them. Pure.
//
// Labels: "a=b", "a==b", "a!=b", "a in (b,c)", "a notin (b,c)", "a", "!a", joined by commas. Fields:
// "path=value", "path==value", "path!=value"; any path of the object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"
#include "operator/k8s/client.h"
#include "operator/k8s/json.h"

namespace dohle::local {

class ObjectSelector {
 public:
  // kInvalidArgument with what is wrong.
  static StatusOr<ObjectSelector> Parse(const k8s::Selector& selector);
  // Labels alone, as a map: {"app": "x"}. What isn't a string never matches.
  static ObjectSelector FromMap(const k8s::Json& labels);

  bool Matches(const k8s::Json& object) const;
  bool MatchesAll() const { return requirements_.empty(); }

 private:
  enum class Operator { kIn, kNotIn, kExists, kExistsNot };
  struct Requirement {
    bool is_field = false;
    std::string key;
    Operator op = Operator::kIn;
    std::vector<std::string> values;
  };
  static StatusOr<Requirement> ParseLabel(std::string_view text);
  static StatusOr<Requirement> ParseField(std::string_view text);

  std::vector<Requirement> requirements_;
};

}  // namespace dohle::local
