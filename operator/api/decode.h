// Objects from outside to typed structs: defaults filled in, every fault told with its path. Pure; any
// thread.
//
// Nothing here throws or recurses without bound, whatever the JSON is. Lists and maps are read up to the
// maximum that their field has, and at most kMaxFaults faults are told.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include "operator/api/cluster.h"
#include "operator/api/fault.h"
#include "operator/api/topic.h"

namespace dohle::api {

template <typename T>
struct Decoded {
  T value;  // what is at fault has its default
  std::vector<Fault> faults;

  bool ok() const { return faults.empty(); }
};

enum class UnknownFields {
  kIgnored,  // as they may come from a newer CRD
  kFaults,   // with the name that was probably meant; metadata and status aren't looked at
};

// Of a whole object. Besides its form this holds what the CRD's rules hold, as far as they need no old
// object, and what they can't see (validate.h).
Decoded<ClusterSpec> DecodeClusterSpec(const nlohmann::json& object,
                                       UnknownFields unknown = UnknownFields::kIgnored);
Decoded<TopicSpec> DecodeTopicSpec(const nlohmann::json& object,
                                   UnknownFields unknown = UnknownFields::kIgnored);

// What the operator wrote itself: what can't be read is as if it weren't there.
ClusterStatus DecodeClusterStatus(const nlohmann::json& object);
TopicStatus DecodeTopicStatus(const nlohmann::json& object);

}  // namespace dohle::api
