// What is wrong with a field of an object, for its user. Plain data.
#pragma once

#include <string>
#include <vector>

namespace dohle::api {

inline constexpr size_t kMaxFaults = 20;  // of one object; the rest isn't told

struct Fault {
  std::string path;      // "spec.listeners[1].port"
  std::string sentence;  // goes on after the path: "must be at least 1, not 0"
  bool operator==(const Fault&) const = default;
};

// "spec.brokers must be at least 1, not 0; spec.image ..."; "" if there are none.
std::string ToString(const std::vector<Fault>& faults);

}  // namespace dohle::api
