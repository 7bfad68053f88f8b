// The values of all broker keys at one moment, parsed: what is set, or else the default. Immutable; any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/config/config_def.h"

namespace dohle::server {

class EffectiveValues {
 public:
  // `set` may hold unknown keys and listener overrides; they are kept as they are. kInvalidArgument at the
  // first value that is not allowed. Required keys that are absent have no value.
  static StatusOr<EffectiveValues> Parse(const ConfigMap& set);

  // Canonical text; nothing for null. DOHLE_CHECKs that `name` is a key of the table.
  std::optional<std::string_view> Text(std::string_view name) const;
  // For keys that cannot be null; DOHLE_CHECKs it.
  int64_t Int(std::string_view name) const;
  int32_t Int32(std::string_view name) const { return static_cast<int32_t>(Int(name)); }
  double Double(std::string_view name) const;
  bool Bool(std::string_view name) const;
  std::string String(std::string_view name) const;
  std::optional<int64_t> OptionalInt(std::string_view name) const;
  std::optional<std::string> OptionalString(std::string_view name) const;
  std::vector<std::string> List(std::string_view name) const;  // empty for null

  // Exactly as given; nothing if not set.
  const std::string* Set(std::string_view name) const;
  const ConfigMap& set() const { return set_; }

 private:
  ConfigMap set_;
  std::map<std::string, std::optional<std::string>, std::less<>> values_;
};

}  // namespace dohle::server
