// What is wrong with a field of an object, as the API server words it ("spec.partitions: Invalid value: 0:
// must be at least 1"), and how it travels with a Status: so that who has the object's text can tell the
// line. Pure.
#pragma once

#include <string>
#include <vector>

#include "lib/base/status.h"

namespace dohle::local {

inline constexpr size_t kMaxFieldFaults = 20;  // further ones are not told

struct FieldFault {
  std::string path;     // "spec.listeners[0].port"; "" = the whole object
  std::string message;  // "Invalid value: 0: must be at least 1"
};

// kInvalidArgument with all of them in the message; OK if there are none.
Status StatusOf(const std::vector<FieldFault>& faults);
// What StatusOf was made of; empty if it wasn't.
std::vector<FieldFault> FaultsOf(const Status& status);
// `status` with another message, faults kept.
Status WithMessage(const Status& status, const std::string& message);

}  // namespace dohle::local
