#include "broker/server/config/effective_values.h"

#include <charconv>
#include <cstdlib>

#include "lib/base/check.h"

namespace dohle::server {

StatusOr<EffectiveValues> EffectiveValues::Parse(const ConfigMap& set) {
  EffectiveValues values;
  values.set_ = set;
  for (const ConfigKey& key : KeysOf(ConfigResource::kBroker)) {
    const auto found = set.find(key.name);
    if (found == set.end()) {
      values.values_.emplace(key.name, DefaultOf(key));
      continue;
    }
    DOHLE_ASSIGN_OR_RETURN(std::string text, ParseConfigValue(key, found->second));
    values.values_.emplace(key.name, std::move(text));
  }
  for (const auto& [name, value] : set) {
    const auto base = ListenerOverrideOf(name);
    const ConfigKey* key = base ? FindKey(ConfigResource::kBroker, *base) : nullptr;
    if (key == nullptr) continue;
    auto text = ParseConfigValue(*key, value);
    if (!text.ok()) return MakeStatus(StatusCode::kInvalidArgument, "{}: {}", name, Message(text.status()));
  }
  return values;
}

std::optional<std::string_view> EffectiveValues::Text(std::string_view name) const {
  const auto found = values_.find(name);
  DOHLE_CHECK(found != values_.end());
  if (!found->second) return std::nullopt;
  return std::string_view(*found->second);
}

std::optional<int64_t> EffectiveValues::OptionalInt(std::string_view name) const {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  DOHLE_CHECK(error == std::errc() && end == text->data() + text->size());
  return value;
}

int64_t EffectiveValues::Int(std::string_view name) const {
  const auto value = OptionalInt(name);
  DOHLE_CHECK(value.has_value());
  return *value;
}

double EffectiveValues::Double(std::string_view name) const {
  return std::strtod(String(name).c_str(), nullptr);
}

bool EffectiveValues::Bool(std::string_view name) const { return String(name) == "true"; }

std::string EffectiveValues::String(std::string_view name) const {
  const auto text = Text(name);
  DOHLE_CHECK(text.has_value());
  return std::string(*text);
}

std::optional<std::string> EffectiveValues::OptionalString(std::string_view name) const {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  return std::string(*text);
}

std::vector<std::string> EffectiveValues::List(std::string_view name) const {
  const auto text = Text(name);
  return text ? SplitList(*text) : std::vector<std::string>();
}

const std::string* EffectiveValues::Set(std::string_view name) const {
  const auto found = set_.find(name);
  return found == set_.end() ? nullptr : &found->second;
}

}  // namespace dohle::server
