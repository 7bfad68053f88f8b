// Does an object have what we want of it? Pure.
//
// Server-side apply would answer that too, but at the price of a request for each object and turn. What the
// server adds of its own (defaults, status, other managers' fields and list elements) is no difference.
#pragma once

#include <optional>
#include <string>

#include "operator/k8s/json.h"

namespace dohle::reconcile {

// The path of the first field of `desired` that `live` lacks or has with another value
// ("spec.ports[kafka].port"); nothing if it has them all. List elements are matched by what names them (name,
// mountPath, uid, key), else one by one. Quantities are compared by value, and what is empty may be missing.
std::optional<std::string> FirstDifference(const k8s::Json& desired, const k8s::Json& live);

}  // namespace dohle::reconcile
