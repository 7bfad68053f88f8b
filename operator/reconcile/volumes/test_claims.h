// Claims for tests, as an API server tells them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "operator/reconcile/volumes/claim.h"

namespace dohle::reconcile {

// `more` is merged into what a claim of `size` looks like that has all that it asks for.
inline Claim TestClaim(const std::string& size, const std::string& more = "{}") {
  k8s::Json body = {
      {"apiVersion", "v1"},
      {"kind", "PersistentVolumeClaim"},
      {"metadata",
       {{"name", "data-quickstart-0"}, {"namespace", "ns"}, {"annotations", {{"dohle.dev/size", size}}}}},
      {"spec", {{"resources", {{"requests", {{"storage", size}}}}}}},
      {"status", {{"phase", "Bound"}, {"capacity", {{"storage", size}}}}}};
  body.merge_patch(k8s::Json::parse(more));
  const auto meta = k8s::ReadMeta(body);
  return ReadClaim(*meta, body);
}

}  // namespace dohle::reconcile
