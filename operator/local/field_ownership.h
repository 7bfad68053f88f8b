// Server-side apply (Kubernetes: "Server-Side Apply", structured-merge-diff): what an object becomes when a
// field manager applies its fields. Pure.
//
// What a manager owns is kept as what it applied last. Lists are merged by the keys that Kubernetes' schemas
// declare (containers by name, ports by port and protocol, conditions by type, ...), finalizers as a set,
// other lists are replaced whole. In contrast to a real server only apply takes ownership: create, replace
// and patch change values, and the managers stay.
#pragma once

#include <string>
#include <vector>

#include "operator/k8s/json.h"

namespace dohle::local {

// `live` with the fields of `applied` set. Nulls in `applied` are as if they weren't there.
k8s::Json MergeFields(const k8s::Json& live, const k8s::Json& applied);

// Removes from `live` what `previous` names and `applied` doesn't, unless one of `others` names it.
void RemoveFields(k8s::Json& live, const k8s::Json& previous, const k8s::Json& applied,
                  const std::vector<k8s::Json>& others);

// Takes out of `other` the fields that `applied` gives another value; returns their paths.
std::vector<std::string> TakeOver(k8s::Json& other, const k8s::Json& applied);

}  // namespace dohle::local
