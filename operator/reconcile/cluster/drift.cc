#include "operator/reconcile/cluster/drift.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "operator/api/quantity.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

constexpr std::array<const char*, 4> kNamingFields = {"name", "mountPath", "uid", "key"};

bool Empty(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return (value.is_object() || value.is_array()) && value.empty();
}

// The field that names the elements of a list, if all have one.
const char* NamingField(const Json& list) {
  for (const char* field : kNamingFields) {
    bool all = true;
    for (const Json& element : list) {
      const auto it = element.is_object() ? element.find(field) : element.end();
      all = all && element.is_object() && it != element.end() && it->is_string();
    }
    if (all && !list.empty()) return field;
  }
  return nullptr;
}

const Json* FindNamed(const Json& list, const char* field, const std::string& name) {
  for (const Json& element : list) {
    if (!element.is_object()) continue;
    const auto it = element.find(field);
    if (it != element.end() && it->is_string() && it->get_ref<const std::string&>() == name) return &element;
  }
  return nullptr;
}

bool SameScalar(const Json& desired, const Json& live) {
  if (desired == live) return true;
  // The server writes quantities in its own form ("1000m" becomes "1").
  if (!desired.is_string() || !live.is_string()) return false;
  const auto a = api::ParseQuantity(desired.get_ref<const std::string&>());
  const auto b = api::ParseQuantity(live.get_ref<const std::string&>());
  return a && b && *a == *b;
}

class Comparison {
 public:
  // True if `live` has all of `desired`; else path_ tells where not.
  bool Covers(const Json& desired, const Json& live, const std::string& path) {
    if (desired.is_object() && live.is_object()) return ObjectCovers(desired, live, path);
    if (desired.is_array() && live.is_array()) return ListCovers(desired, live, path);
    return SameScalar(desired, live) || (Empty(desired) && Empty(live)) || Differs(path);
  }
  const std::string& path() const { return path_; }

 private:
  bool Differs(const std::string& path) {
    path_ = path;
    return false;
  }
  bool ObjectCovers(const Json& desired, const Json& live, const std::string& path) {
    for (const auto& [key, value] : desired.items()) {
      std::string below = path;
      if (!below.empty()) below += '.';
      below += key;
      const auto it = live.find(key);
      if (it == live.end()) {
        if (Empty(value)) continue;
        return Differs(below);
      }
      if (!Covers(value, *it, below)) return false;
    }
    return true;
  }
  bool ListCovers(const Json& desired, const Json& live, const std::string& path) {
    if (const char* field = NamingField(desired)) {
      for (const Json& element : desired) {
        const auto& name = element.at(field).get_ref<const std::string&>();
        const std::string below = path + "[" + name + "]";
        const Json* there = FindNamed(live, field, name);
        if (there == nullptr) return Differs(below);
        if (!Covers(element, *there, below)) return false;
      }
      return true;
    }
    if (desired.size() != live.size()) return Differs(path);
    for (size_t i = 0; i < desired.size(); ++i) {
      if (!Covers(desired[i], live[i], path + "[" + std::to_string(i) + "]")) return false;
    }
    return true;
  }

  std::string path_;
};

}  // namespace

std::optional<std::string> FirstDifference(const Json& desired, const Json& live) {
  Comparison comparison;
  if (comparison.Covers(desired, live, "")) return std::nullopt;
  return comparison.path();
}

}  // namespace dohle::reconcile
