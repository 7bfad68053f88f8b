// The Common Expression Language, as much of it as the validation rules of our CRDs use (Kubernetes:
// x-kubernetes-validations). Values are JSON; types are checked when it runs. Pure.
//
// Known: literals (numbers, strings, raw strings, true, false, null, lists), self and oldSelf, fields, has(),
// indexing, in, comparison, arithmetic, && || ! ?:, the macros all, exists, exists_one, filter, map, and the
// functions size, matches, startsWith, endsWith, contains, lowerAscii, upperAscii, trim, int, double, string.
// As in CEL an error in one side of && or || counts only if the other doesn't decide.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "operator/k8s/json.h"

namespace dohle::local {

inline constexpr size_t kMaxCelBytes = 16384;
inline constexpr int kMaxCelDepth = 64;
inline constexpr int kMaxCelCost = 1'000'000;  // steps of one evaluation

struct CelNode;

class CelProgram {
 public:
  // kInvalidArgument with the place: it is none, or uses what isn't known here.
  static StatusOr<CelProgram> Parse(std::string_view text);

  // A transition rule: it holds on updates only.
  bool uses_old_self() const { return uses_old_self_; }

  // `old_self` is null where there is none. kInvalidArgument: it comes to no boolean, or to an error
  // (no such field, a wrong type, division by zero); kResourceExhausted: kMaxCelCost.
  StatusOr<bool> Evaluate(const k8s::Json& self, const k8s::Json* old_self) const;
  // The same for an expression of any type (messageExpression).
  StatusOr<k8s::Json> EvaluateToJson(const k8s::Json& self, const k8s::Json* old_self) const;

 private:
  std::shared_ptr<const CelNode> root_;
  bool uses_old_self_ = false;
};

}  // namespace dohle::local
